"""Residence times of release: what the tablets of this second, and of the next ones, are made of.

Release's own model, frozen in the recipe; nothing here is estimated on line and nothing is shared with the controller.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray

from line.recipe import ReleaseRtd
from rtr.genealogy.plug import Plug

Array = NDArray[np.float64]
SECONDS_PER_HOUR = 3600.0
MASS_MIN_KG = 1e-5
LEVEL_FILTER_S = 15.0


class Tracer(IntEnum):
    """What is carried with the powder. Shares are in [0, 1]; each is linear, so mixing averages it.

    API and its evidence by feeders; API seen by NIR (times the share seen), share with any NIR value, share under VALID
    spectra, squared standard error of the spectra; time spent held, and the second of entry, in s; share that entered
    since release began to look (what was in the line before is not known).
    """

    API = 0
    WEIGHED = 1
    VOLUMETRIC = 2
    HELD_S = 3
    ENTRY_S = 4
    NIR_API = 5
    NIR_SEEN = 6
    NIR_VALID = 7
    NIR_VARIANCE = 8
    KNOWN = 9


N_TRACERS = len(Tracer)


@dataclass(frozen=True)
class Flows:
    """Measured movement of one second, SI: feeders into the blender and press out [kg/s], impeller [rev/s], hopper
    [kg]; `held` while material stands in the line (not while it fills)."""

    feed_kg_per_s: float
    press_kg_per_s: float
    impeller_rev_per_s: float
    hopper_kg: float
    held: bool = False


def mix(content: Array, inflow: Array, turnover: Array | float) -> tuple[Array, Array]:
    """Return (new content, mean outflow) of a stirred tank after one step at constant inflow.

    `turnover` a = F dt / M, >= 0. Equation: c1 = u + (c0 - u) e^-a, mean out = u + (c0 - u) (1 - e^-a) / a, so that
    M (c1 - c0) = F dt (u - out) exactly. Wrong if the tank's mass changes by more than a few percent in the step.
    """
    kept = np.exp(-np.asarray(turnover))
    averaged = np.where(np.asarray(turnover) > 1e-9, -np.expm1(-np.asarray(turnover)) / np.maximum(turnover, 1e-9), 1.0)
    gap = content - inflow
    return inflow + gap * kept, inflow + gap * averaged


class Line:
    """Tracers of the material between feeders and dies, at 1 s.

    Copies of the line (axis 0) with all hold-ups scaled by 1, 1 - r, 1 + r, r the recipe's relative standard error,
    run side by side: their spread is the doubt that residence times put on a prediction. Blender: plug of the
    reference dead time, then n tanks, hold-up by dM/dt = F_in - F_out with F_out = F_ref (M / M_ref(N))^(1/a),
    M_ref(N) = M_ref (N/N_ref)^-b, which is M ~ F^a N^-b when steady. Hopper: plug of its registered share and the dead
    mass of the feed frame, one tank. Feed frame: two tanks.
    Source: process description sections 2.1 and 2.3. Wrong outside the validated throughputs.
    """

    def __init__(self, rtd: ReleaseRtd, hold_up_blender_kg: float, hold_up_hopper_kg: float) -> None:
        self.rtd = rtd
        self.flow_reference = rtd.blender_reference_flow_kg_per_h / SECONDS_PER_HOUR
        r = rtd.relative_standard_error
        self.scale: Array = np.array([1.0, 1.0 - r, 1.0 + r])
        n = len(self.scale)
        self.inlet, self.hopper = Plug(N_TRACERS), Plug(n * N_TRACERS)
        self.blender: Array = np.zeros((rtd.blender_n_tanks, n, N_TRACERS))
        self.downstream: Array = np.zeros((3, n, N_TRACERS))
        self.blender_kg, self.level_kg = max(hold_up_blender_kg, MASS_MIN_KG), max(hold_up_hopper_kg, 0.0)
        self.inlet_position: Array = np.zeros(n)
        self.hopper_position: Array = np.zeros(n)
        self.die: Array = np.zeros((n, N_TRACERS))
        self.started_empty = hold_up_hopper_kg < 0.02 and hold_up_blender_kg < 0.02
        self.primed = not self.started_empty
        self.frame_dead_kg = rtd.feed_frame_dead_time_s * self.flow_reference
        self.frame_kg: Array = (
            np.array([rtd.feed_frame_tank_split, 1.0 - rtd.feed_frame_tank_split]) * rtd.feed_frame_hold_up_kg
        )

    def advance(self, step: int, flows: Flows, fed: Array) -> Array:
        """Let one second pass; return the tracers of the material that entered the dies, (3 copies, N_TRACERS).

        `fed` (N_TRACERS,) what the feeders delivered this second. After this call the newest slug of `hopper` is the
        material that left the blender in this second.
        """
        if flows.held:
            self._wait()
        self._blend(step, flows, fed)
        self._follow_level(flows.hopper_kg)
        self.die = self._descend(flows.press_kg_per_s)
        return self.die

    def _wait(self) -> None:
        self.inlet.values[: self.inlet.end, Tracer.HELD_S] += 1.0
        self.slugs()[..., Tracer.HELD_S] += 1.0
        self.blender[..., Tracer.HELD_S] += 1.0
        self.downstream[..., Tracer.HELD_S] += 1.0

    def _blend(self, step: int, flows: Flows, fed: Array) -> None:
        rtd, n_tanks = self.rtd, self.rtd.blender_n_tanks
        self.inlet.push(flows.feed_kg_per_s, step, fed)
        dead = max(rtd.blender_dead_time_s - rtd.feeder_lag_s, 0.0) * self.flow_reference * self.scale
        inflow = self._take(self.inlet, self.inlet_position, dead)
        speed = max(flows.impeller_rev_per_s * 60.0 / rtd.blender_reference_speed_rpm, 0.05)
        hold_up_reference = rtd.blender_hold_up_kg * speed**-rtd.blender_speed_exponent
        ratio = self.blender_kg / hold_up_reference
        out = (
            self.flow_reference * ratio ** (1.0 / max(rtd.blender_flow_exponent, 0.05)) if flows.impeller_rev_per_s > 0 else 0.0
        )
        out = min(out, self.blender_kg)
        before = self.blender_kg
        self.blender_kg = max(self.blender_kg + flows.feed_kg_per_s - out, MASS_MIN_KG)
        plug_kg = rtd.blender_dead_time_s * self.flow_reference
        tank_kg = max(0.5 * (before + self.blender_kg) - plug_kg, MASS_MIN_KG) / n_tanks * self.scale
        for i in range(n_tanks):
            moved = flows.feed_kg_per_s + (out - flows.feed_kg_per_s) * i / n_tanks
            self.blender[i], inflow = mix(self.blender[i], inflow, (moved / tank_kg)[:, None])
        self.hopper.push(out, step, inflow.ravel())

    def slugs(self) -> Array:
        """Return a view of the slugs between blender and hopper tank, oldest first, (n_slugs, 3 copies, N_TRACERS)."""
        return self.hopper.values[: self.hopper.end].reshape(self.hopper.end, len(self.scale), N_TRACERS)

    def _take(self, plug: Plug, position: Array, hold_up_kg: Array) -> Array:
        """Move each copy's reading position so that `hold_up_kg` stays behind it; return what passed, (3, N_TRACERS)."""
        target = np.maximum(position, plug.entered_kg - hold_up_kg)
        passed = np.empty((len(position), N_TRACERS))
        for i, (start, stop) in enumerate(zip(position.tolist(), target.tolist())):
            passed[i] = plug.passed(start, stop, self._columns(plug, i))
        position[:] = target
        return passed

    @staticmethod
    def _columns(plug: Plug, copy: int) -> slice:
        """Return the columns of one copy: the inlet's slugs are the same for all."""
        return slice(copy * N_TRACERS, (copy + 1) * N_TRACERS) if plug.values.shape[1] > N_TRACERS else slice(None)

    def _follow_level(self, hopper_kg: float) -> None:
        if hopper_kg == hopper_kg:
            self.level_kg += (max(hopper_kg, 0.0) - self.level_kg) / LEVEL_FILTER_S

    def _plug_kg(self) -> Array:
        return np.asarray(self.scale * (self.rtd.hopper_plug_share * self.level_kg + self.frame_dead_kg))

    def _tank_kg(self) -> Array:
        """Hold-ups of hopper tank and feed-frame tanks, (3 tanks, 3 copies)."""
        hopper = max((1.0 - self.rtd.hopper_plug_share) * self.level_kg, MASS_MIN_KG)
        return np.array([hopper, *self.frame_kg])[:, None] * self.scale

    def _descend(self, press_kg: float) -> Array:
        before = self.hopper_position.copy()
        inflow = self._take(self.hopper, self.hopper_position, self._plug_kg())
        moved, tanks = self.hopper_position - before, self._tank_kg()
        self.downstream[0], outflow = mix(self.downstream[0], inflow, (moved / tanks[0])[:, None])
        if not self.primed:
            # an empty hopper has no unknown material in it: only what came in counts
            known = self.downstream[0, :, Tracer.KNOWN][:, None]
            self.downstream[0] = np.where(known > 1e-3, self.downstream[0] / np.maximum(known, 1e-3), 0.0)
        if press_kg <= 0.0:
            return self.downstream[2].copy()
        if not self.primed:
            self.downstream[1:], self.primed = self.downstream[0], True
        for i in (1, 2):
            self.downstream[i], outflow = mix(self.downstream[i], outflow, (press_kg / tanks[i])[:, None])
        return outflow

    def look_ahead(self, seconds: int, press_kg: float) -> Array:
        """Return tracers of the material that enters the dies in the next seconds, (seconds, 3 copies, N_TRACERS).

        The material is already in hopper and feed frame, so nothing about the future is assumed but the press's pace.
        """
        ahead = np.empty((seconds, len(self.scale), N_TRACERS))
        if press_kg <= 0.0:
            ahead[:] = self.downstream[2]
            return ahead
        way = np.arange(seconds + 1) * press_kg
        coming = np.stack(
            [self.hopper.between(p + way, self._columns(self.hopper, i)) for i, p in enumerate(self.hopper_position)], axis=1
        )
        flow = coming.transpose(1, 0, 2)
        for tank, hold_up in zip(self.downstream, self._tank_kg()):
            flow = run_tank(tank, flow, press_kg / hold_up)
        ahead[:] = flow.transpose(1, 0, 2)
        return ahead

    def noise_gain(self, correlation_s: float) -> float:
        """Return the share of a spectrum error's variance that is left in a tablet, for errors of this integral
        correlation time [s]: T_c * integral h(t)^2 dt, h the response of hopper tank and feed frame at the reference flow.

        Wrong (too small, at most by 15 %) at higher flows. Source: variance reduction of a linear filter (Gao,
        Ierapetritou & Muzzio 2011).
        """
        tau = np.array([(1.0 - self.rtd.hopper_plug_share) * 0.6, *self.frame_kg]) / self.flow_reference
        return float(min(1.0, correlation_s * energy_of_tanks(tau)))


def run_tank(content: Array, inflow: Array, turnover: Array) -> Array:
    """Return mean outflows of a stirred tank over n steps of inflow, (copies, n, k), as repeated `mix`.

    content (copies, k) at the start; turnover (copies,) per step, > 0. Written as one product with the tank's
    sampled response, because n steps in a loop cost twenty times as much.
    """
    n = inflow.shape[1]
    lag, past = _lags(n)
    kept = np.exp(-turnover)[:, None, None]
    powers = np.exp(-turnover[:, None] * np.arange(n + 1))
    response = powers[:, lag] * past * (1.0 - kept)
    fading = powers[:, 1:, None]
    ends = response @ inflow + fading * content[:, None, :]
    begins = np.concatenate([content[:, None, :], ends[:, :-1]], axis=1)
    return np.asarray(inflow + (begins - inflow) * ((1.0 - kept) / turnover[:, None, None]))


@cache
def _lags(n: int) -> tuple[NDArray[np.int64], Array]:
    """Return (lag of output i behind input j, 1 where that is not in the future), both (n, n)."""
    lag = np.arange(n)[:, None] - np.arange(n)[None, :]
    return np.maximum(lag, 0), (lag >= 0).astype(np.float64)


def energy_of_tanks(tau_s: Array) -> float:
    """Return integral h(t)^2 dt [1/s] for unequal tanks in series with time constants tau_s [s].

    Partial fractions: h = sum A_i e^(-t/tau_i), A_i = tau_i^(n-2) / prod_{j != i}(tau_i - tau_j);
    integral = sum A_i A_j tau_i tau_j / (tau_i + tau_j). Wrong for equal time constants (they are moved apart by 0.3 %).
    """
    tau = np.asarray(tau_s, dtype=float) * (1.0 + 3e-3 * np.arange(len(tau_s)))
    n = len(tau)
    weights = np.array([tau[i] ** (n - 2) / np.prod([tau[i] - tau[j] for j in range(n) if j != i]) for i in range(n)])
    pairs = tau[:, None] * tau[None, :] / (tau[:, None] + tau[None, :])
    return float(weights @ pairs @ weights)
