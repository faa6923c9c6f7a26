"""A small stepped plant over the real register: every measured value follows a set-point with a first-order lag."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from line.quality import STATUS_BAD_SENSOR_FAILURE, STATUS_GOOD
from line.samples import StepResult
from line.tags import TagRegister

LAG = 0.1
SPECTRUM_EVERY = 5


class FirstOrderPlant:
    """Deterministic by seed. `silent_from` stops the beat; `refuses` keeps a set-point at its first value."""

    def __init__(
        self, register: TagRegister, seed: int = 1, *, silent_from: int | None = None, refuses: tuple[str, ...] = ()
    ) -> None:
        self.register, self.silent_from, self.refuses = register, silent_from, refuses
        self.random = np.random.default_rng(seed)
        self.low, self.high = register.low, register.high
        self.setpoint_at = np.array([register.scalar_index[i] for i in register.setpoint_ids])
        self.measured_at = np.array([register.scalar_index[i] for i in register.measured_ids])
        self.state = self.low + 0.3 * np.minimum(self.high - self.low, 100.0)
        self.integers = np.array([register[i].type == "Int64" for i in register.scalar_ids])
        self.state[self.integers] = np.ceil(np.maximum(self.low, 0.0))[self.integers]
        self.k, self.last, self.calls = 0, (None, None), 0

    def initial(self) -> StepResult:
        return self._frame(0)

    def step(self, k: int, request_id: int, setpoints: NDArray[np.float64]) -> StepResult:
        if self.last[0] == (k, request_id):
            return self.last[1]
        assert k == self.k
        self.calls += 1
        keep = [self.register.scalar_index[i] for i in self.refuses]
        held = self.state[keep].copy()
        self.state[self.setpoint_at] = setpoints
        self.state[keep] = held
        drive = float(np.mean(setpoints[:9] / self.high[self.setpoint_at][:9]))
        moving = self.measured_at[~self.integers[self.measured_at]]
        target = self.low + drive * np.minimum(self.high - self.low, 100.0)
        noise = self.random.normal(0.0, 1e-3, len(moving))
        self.state[moving] += LAG * (target[moving] - self.state[moving]) + noise * 0.01
        self.state[moving] = np.clip(self.state[moving], self.low[moving], self.high[moving])
        self.k += 1
        result = self._frame(self.k)
        self.last = ((k, request_id), result)
        return result

    def _frame(self, k: int) -> StepResult:
        index = self.register.scalar_index
        values = self.state.copy()
        values[index["Sys/StepIndex"]] = k
        beat = k if self.silent_from is None else min(k, self.silent_from)
        values[index["Sys/HeartbeatPlant"]] = beat
        statuses = np.full(len(values), STATUS_GOOD, dtype=np.uint32)
        sources = np.full(len(values), k, dtype=np.int64)
        for tag_id in ("NIR/SpectrumId", "NIR/ReferenceId"):
            values[index[tag_id]], sources[index[tag_id]] = k // SPECTRUM_EVERY, k - k % SPECTRUM_EVERY
        values[index["Assay/PotencyMean"]] = np.nan
        statuses[index["Assay/PotencyMean"]] = STATUS_BAD_SENSOR_FAILURE
        return StepResult(k, values, statuses, sources, self._arrays(k), self._events(k))

    def _arrays(self, k: int) -> dict[str, tuple[NDArray[np.float64], int, int]]:
        arrays = {"Press/StationForce": (6.0 + self.random.normal(0.0, 0.1, 36), STATUS_GOOD, k)}
        if k % SPECTRUM_EVERY == 0:
            arrays["NIR/Spectrum"] = (0.5 + self.random.normal(0.0, 0.01, 404), STATUS_GOOD, k)
        if k == 0:
            arrays["NIR/Axis"] = (np.linspace(4000.0, 12000.0, 404), STATUS_GOOD, 0)
            arrays["NIR2/Spectrum"] = (np.full(404, 0.4), STATUS_GOOD, 0)
        return arrays

    def _events(self, k: int) -> list[dict[str, object]]:
        return [{"code": "SAMPLE_PULLED", "counter_from": k, "counter_to": k + 10}] if k % 10 == 0 else []
