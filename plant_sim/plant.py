"""The simulated plant as others see it: one line that advances a second a call and never tells its truth on a tag."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from line.configuration import Geometry, Scenario
from line.errors import CommunicationError, ConfigurationError
from line.modes import WeightLoop
from line.quality import STATUS_GOOD
from line.samples import StepResult
from line.tags import TagRegister
from plant_sim.instruments.calibration import MeasuredSpectra
from plant_sim.instruments.laboratory import Sampling
from plant_sim.instruments.spectrometer import wavenumbers
from plant_sim.lines import Lines, LineSetup
from plant_sim.parameters import PlantParameters
from plant_sim.recorder import Recorder
from plant_sim.truth import Truth


@dataclass(frozen=True)
class PlantSetup:
    """What a plant is built from.

    register and geometry describe the line as installed; parameters are the plant's own (see draw_parameters); seed
    drives everything that happens by chance, plant_seed the turret's punch lengths (None: seed); scenario gives
    faults and lots; measured_spectra replaces simulated spectra by real ones. The tester and assay pull n tablets
    every interval.
    """

    register: TagRegister
    parameters: PlantParameters
    seed: int
    scenario: Scenario
    geometry: Geometry
    tester_interval_s: int = 300
    tester_n: int = 10
    assay_interval_s: int = 900
    assay_n: int = 10
    measured_spectra: MeasuredSpectra | None = None
    plant_seed: int | None = None
    weight_loop: WeightLoop = WeightLoop.FORCE


class Plant:
    """One simulated line; implements line.ports.SteppedPlant.

    `truth` is what really happened so far; `k` the second reached. Raises ConfigurationError for a bad seed or
    sampling plan, ConfigurationFaults for unknown faults or a register that lacks tags.
    """

    def __init__(self, setup: PlantSetup) -> None:
        _check(setup)
        self.setup = setup
        one = LineSetup(
            setup.parameters,
            setup.seed,
            setup.seed if setup.plant_seed is None else setup.plant_seed,
            setup.scenario,
            setup.geometry,
            setup.measured_spectra,
        )
        plan = Sampling(setup.tester_interval_s, setup.tester_n, setup.assay_interval_s, setup.assay_n)
        self.lines = Lines(setup.register, [one], plan, setup.weight_loop)
        self.truth = Truth(setup.parameters.content.label_claim.value)
        self._recorder = Recorder(self.lines, 0, self.truth)
        self._last: tuple[int, int, StepResult] | None = None
        self._opening = self._first_result()
        self._arrays = dict(self._opening.arrays)

    @property
    def k(self) -> int:
        """The simulated second the plant has reached."""
        return self.lines.second

    def initial(self) -> StepResult:
        """Return what is known at second 0: fills, lots, the spectrometer's axis. The same each time."""
        return self._opening

    def step(self, k: int, request_id: int, setpoints: NDArray[np.float64]) -> StepResult:
        """Advance from second k to k + 1; see line.ports.SteppedPlant.

        setpoints (m,) plant units in the register's set-point order; values the PLC refuses are answered by an event.
        The same (k, request_id) again returns the same result and does not advance. Raises CommunicationError for
        another k, or a vector of the wrong length.
        """
        if self._last is not None and self._last[:2] == (k, request_id):
            return self._last[2]
        if k != self.k:
            raise CommunicationError(
                "step out of order",
                where="plant",
                how_much=f"expected k {self.k}, got {k}",
                what_now="Ask for the step the plant has reached, or repeat the last (k, request id).",
            )
        requested = _numbers(setpoints, len(self.setup.register.setpoint_ids))
        events = self.lines.step(requested[None, :])
        self._recorder.record()
        result = self._result(tuple(event for _, event in events))
        self._arrays.update(result.arrays)
        self._last = (k, request_id, result)
        return result

    def answered(self) -> tuple[int, int, StepResult] | None:
        """Return (k, request id, result) of the newest step, which is answered again if it is asked again."""
        return self._last

    def newest(self) -> StepResult:
        """Return the newest second with the newest value of every vector tag, for who comes late."""
        last = self._opening if self._last is None else self._last[2]
        return StepResult(last.step, last.values, last.statuses, last.source_steps, dict(self._arrays), last.events)

    def state(self) -> dict[str, Any]:
        """Return everything that steps change, apart from the truth: what a checkpoint saves."""
        return {"lines": self.lines, "recorder": self._recorder, "last": self._last, "arrays": self._arrays}

    def take_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` of another plant of the same set-up returned; `lines` must be this plant's own."""
        if state["lines"] is not self.lines:
            raise CommunicationError("not the state of this plant", where="plant", what_now="Restore into its own lines.")
        self._last, self._arrays = state["last"], state["arrays"]

    def write_truth(self, folder: Path) -> Path:
        """Write `truth.npz` to a folder of its own and return its path. Raises RecordError."""
        return self.truth.write(folder)

    def _result(self, events: tuple[dict[str, object], ...]) -> StepResult:
        lines, frame = self.lines, self.lines.frame
        arrays: dict[str, tuple[NDArray[np.float64], int, int]] = {}
        if lines.arrived is not None:
            scan = lines.arrived
            arrays["NIR/Spectrum"] = (scan.spectra[0].copy(), int(scan.status[0]), scan.taken)
        if lines.arrived_2 is not None:
            scan = lines.arrived_2
            arrays["NIR2/Spectrum"] = (scan.spectra[0].copy(), int(scan.status[0]), scan.taken)
        if lines.new_revolution[0]:
            arrays["Press/StationForce"] = (lines.press.station_force[0] * 1e-3, STATUS_GOOD, lines.second)
        return StepResult(
            lines.second, frame.values[0].copy(), frame.statuses[0].copy(), frame.source_steps[0].copy(), arrays, events
        )

    def _first_result(self) -> StepResult:
        lines = self.lines
        opening = tuple({**event, "step": 0} for _, event in lines.lots.opening(lines.reading))
        first = self._result(opening)
        arrays = {"NIR/Axis": (wavenumbers(), STATUS_GOOD, 0)}
        return StepResult(first.step, first.values, first.statuses, first.source_steps, arrays, first.events)


def _numbers(setpoints: Any, n: int) -> NDArray[np.float64]:
    """Return set-points as numbers (n,). Raises CommunicationError for what is no row of n real numbers."""
    found = np.asarray(setpoints) if isinstance(setpoints, (np.ndarray, list, tuple)) and len(setpoints) == n else None
    if found is None or found.shape != (n,) or found.dtype.kind not in "fiub":
        shown = type(setpoints).__name__ if found is None else f"{found.dtype} {found.shape}"
        what_now = f"Send {n} numbers in the register's order."
        raise CommunicationError("wrong set-points", where="plant", how_much=shown, what_now=what_now)
    return found.astype(np.float64)


def _check(setup: PlantSetup) -> None:
    plan = (setup.tester_interval_s, setup.tester_n, setup.assay_interval_s, setup.assay_n)
    if setup.seed < 0 or min(plan) < 1:
        raise ConfigurationError(
            "the plant cannot be built",
            where="PlantSetup",
            how_much=f"seed {setup.seed}, sampling {plan}",
            what_now="Use a seed of 0 or more and sampling numbers of 1 or more.",
        )
