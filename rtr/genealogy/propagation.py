"""Residence times of release: what the tablets of this second, and of the next ones, are made of, of n lines in step.

Release's own model, frozen in the recipe; nothing here is estimated on line and nothing is shared with the controller.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from line.recipe import ReleaseRtd
from rtr.genealogy.draws import residence_draws
from rtr.genealogy.plug import Plug

Array = NDArray[np.float64]
SECONDS_PER_HOUR = 3600.0
MASS_MIN_KG = 1e-5
LEVEL_FILTER_S = 15.0
#: A blender and a hopper with less than this [kg] are empty: nothing unknown is in the line.
EMPTY_KG = 0.02
#: Something of the hopper always mixes.
PLUG_SHARE_MAX = 0.98


class Tracer(IntEnum):
    """What is carried with the powder. Shares are in [0, 1]; each is linear, so mixing averages it.

    API and its evidence by feeders; API seen by NIR (times the share seen), share with any NIR value, share under VALID
    spectra, squared standard error of the spectra; time spent held, and the second of entry, in s; share that entered
    since release began to look (what was in the line before is not known); API by scales and spectra together.
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
    POSTERIOR = 10


N_TRACERS = len(Tracer)
#: Tracers that every draw of the residence times carries too.
DRAWN = (Tracer.API, Tracer.KNOWN, Tracer.POSTERIOR)


class Columns:
    """How the tracers of the nominal line and of its draws lie side by side in one row of columns.

    The nominal line has all N_TRACERS, in order; each of n draws has those of DRAWN. `copy` the copy of the line a column
    belongs to (0 nominal), `tracer` what it carries, `known` the column of KNOWN of the same copy; `drawn(tracer)` the
    columns of a tracer in all draws, `every(tracer)` with the nominal one before them.
    """

    def __init__(self, n_draws: int) -> None:
        self.n = N_TRACERS + n_draws * len(DRAWN)
        self.copy = np.concatenate([np.zeros(N_TRACERS, np.int64), np.repeat(np.arange(1, n_draws + 1), len(DRAWN))])
        self.tracer = np.concatenate([np.arange(N_TRACERS), np.tile(np.array(DRAWN, np.int64), n_draws)])
        self.known = self.every(Tracer.KNOWN)[self.copy]

    def drawn(self, tracer: Tracer) -> slice:
        """Return the columns of a tracer of DRAWN in the draws."""
        return slice(N_TRACERS + DRAWN.index(tracer), self.n, len(DRAWN))

    def every(self, tracer: Tracer) -> NDArray[np.int64]:
        """Return the columns of a tracer of DRAWN: nominal line first, then the draws."""
        return np.concatenate([[int(tracer)], np.arange(self.n)[self.drawn(tracer)]])


@dataclass(frozen=True)
class Flows:
    """Measured movement of one second of n lines, SI, each (n,) or one number: feeders into the blender and press out
    [kg/s], impeller [rev/s], hopper [kg]; `held` while material stands in the line (not while it fills)."""

    feed_kg_per_s: Array | float
    press_kg_per_s: Array | float
    impeller_rev_per_s: Array | float
    hopper_kg: Array | float
    held: NDArray[np.bool_] | bool = False


def _by_line(value: Array | float, n: int) -> Array:
    """Return a value for each of n lines."""
    found = np.asarray(value, dtype=np.float64)
    return found if found.shape == (n,) else np.broadcast_to(found, (n,))


def mix(content: Array, inflow: Array, turnover: Array | float) -> tuple[Array, Array]:
    """Return (new content, mean outflow) of a stirred tank after one step at constant inflow.

    `turnover` a = F dt / M, >= 0. Equation: c1 = u + (c0 - u) e^-a, mean out = u + (c0 - u) (1 - e^-a) / a, so that
    M (c1 - c0) = F dt (u - out) exactly. Wrong if the tank's mass changes by more than a few percent in the step.
    """
    return stir(content, inflow, *shares(turnover))


def shares(turnover: Array | float) -> tuple[Array, Array]:
    """Return (share of a difference that is kept at the end of a step, its mean over the step) of a stirred tank."""
    a = np.asarray(turnover, dtype=np.float64)
    return np.exp(-a), np.where(a > 1e-9, -np.expm1(-a) / np.maximum(a, 1e-9), 1.0)


def stir(content: Array, inflow: Array, kept: Array, averaged: Array) -> tuple[Array, Array]:
    """Return (new content, mean outflow) by the two `shares` of a tank."""
    gap = content - inflow
    return inflow + gap * kept, inflow + gap * averaged


def run_through(content: Array, flow: Array, kept: Array, averaged: Array) -> None:
    """Turn `flow` (seconds, n_lines, columns) into what leaves a tank that held `content` at first: `stir` second by second."""
    begins = np.empty_like(flow)
    now = content
    for i, inflow in enumerate(flow):
        begins[i] = now
        now = now - inflow
        now *= kept
        now += inflow
    begins -= flow
    begins *= averaged
    flow += begins


class Line:
    """Tracers of the material between feeders and dies of n lines in step, at 1 s.

    Copies of each line run side by side: the nominal one, and one for each draw of the residence times (see
    `residence_draws`): their spread is the doubt that residence times put on a prediction.
    Blender: plug of the reference dead time, then n tanks, hold-up by dM/dt = F_in - F_out with
    F_out = F_ref (M / M_ref(N))^(1/a), M_ref(N) = M_ref (N/N_ref)^-b, which is M ~ F^a N^-b when steady. Hopper: plug of
    its registered share and the dead mass of the feed frame, one tank. Feed frame: two tanks.
    `hold_up_blender_kg`, `hold_up_hopper_kg`: one number, or (n_lines,). `die` (n_lines, columns.n).
    Source: process description sections 2.1 and 2.3. Wrong outside the validated throughputs.
    """

    def __init__(
        self, rtd: ReleaseRtd, hold_up_blender_kg: Array | float, hold_up_hopper_kg: Array | float, draws: Array | None = None
    ) -> None:
        self.rtd = rtd
        self.flow_reference = rtd.blender_reference_flow_kg_per_h / SECONDS_PER_HOUR
        self.draws = residence_draws(rtd) if draws is None else draws
        factors = np.vstack([np.ones(3), self.draws])
        self.blender_factor, plug_factor, self.frame_factor = factors.T
        self.plug_share = np.minimum(rtd.hopper_plug_share * plug_factor, PLUG_SHARE_MAX)
        self.columns = Columns(len(self.draws))
        self.blender_kg = np.maximum(np.atleast_1d(np.asarray(hold_up_blender_kg, np.float64)), MASS_MIN_KG)
        self.level_kg = np.maximum(np.atleast_1d(np.asarray(hold_up_hopper_kg, np.float64)), 0.0)
        n, columns = len(self.blender_kg), self.columns
        self.inlet = Plug(n, N_TRACERS, columns.copy, columns.tracer)
        self.hopper = Plug(n, columns.n, columns.copy, np.arange(columns.n))
        self.blender: Array = np.zeros((rtd.blender_n_tanks, n, columns.n))
        self.downstream: Array = np.zeros((3, n, columns.n))
        self.die: Array = np.zeros((n, columns.n))
        self.primed: NDArray[np.bool_] = ~((self.level_kg < EMPTY_KG) & (self.blender_kg < EMPTY_KG))
        self.frame_dead_kg = rtd.feed_frame_dead_time_s * self.flow_reference
        split = np.array([rtd.feed_frame_tank_split, 1.0 - rtd.feed_frame_tank_split])
        self.frame_kg: Array = split * rtd.feed_frame_hold_up_kg

    def advance(self, step: int, flows: Flows, fed: Array) -> Array:
        """Let one second pass; return the tracers of the material that entered the dies, (n_lines, columns.n).

        `fed` (N_TRACERS,) or (n_lines, N_TRACERS): what the feeders delivered this second. After this call the newest slug
        of `hopper` is the material that left the blender in this second.
        """
        n = len(self.blender_kg)
        press = _by_line(flows.press_kg_per_s, n)
        if np.any(flows.held):
            self._wait(np.broadcast_to(flows.held, (n,)))
        self._blend(step, flows, fed if fed.ndim == 2 else np.broadcast_to(fed, (n, N_TRACERS)))
        self._follow_level(_by_line(flows.hopper_kg, n))
        self.die = self._descend(press)
        return self.die

    def _wait(self, held: NDArray[np.bool_]) -> None:
        for store in (self.inlet.values[: self.inlet.end], self.hopper.values[: self.hopper.end]):
            store[..., Tracer.HELD_S] += held
        self.blender[..., Tracer.HELD_S] += held
        self.downstream[..., Tracer.HELD_S] += held

    def _blend(self, step: int, flows: Flows, fed: Array) -> None:
        rtd, n_tanks, copy = self.rtd, self.rtd.blender_n_tanks, self.columns.copy
        n = len(self.blender_kg)
        feed, impeller = _by_line(flows.feed_kg_per_s, n), _by_line(flows.impeller_rev_per_s, n)
        self.inlet.push(feed, step, fed)
        dead = max(rtd.blender_dead_time_s - rtd.feeder_lag_s, 0.0) * self.flow_reference * self.blender_factor
        inflow = self._take(self.inlet, dead)
        speed = np.maximum(impeller * 60.0 / rtd.blender_reference_speed_rpm, 0.05)
        ratio = self.blender_kg / (rtd.blender_hold_up_kg * speed**-rtd.blender_speed_exponent)
        out = self.flow_reference * ratio ** (1.0 / max(rtd.blender_flow_exponent, 0.05))
        out = np.minimum(np.where(impeller > 0.0, out, 0.0), self.blender_kg)
        before = self.blender_kg
        self.blender_kg = np.maximum(self.blender_kg + feed - out, MASS_MIN_KG)
        plug_kg = rtd.blender_dead_time_s * self.flow_reference
        tank_kg = np.maximum(0.5 * (before + self.blender_kg) - plug_kg, MASS_MIN_KG) / n_tanks
        for i in range(n_tanks):
            moved = (feed + (out - feed) * i / n_tanks) / tank_kg
            kept, averaged = shares(moved[:, None] / self.blender_factor)
            self.blender[i], inflow = stir(self.blender[i], inflow, kept[:, copy], averaged[:, copy])
        self.hopper.push(out, step, inflow)

    @staticmethod
    def _take(plug: Plug, hold_up_kg: Array) -> Array:
        """Move each copy's reading position so that `hold_up_kg` stays behind it; return what passed."""
        return plug.move_to(np.maximum(plug.position, plug.entered_kg[:, None] - hold_up_kg))

    def _follow_level(self, hopper_kg: Array) -> None:
        seen = hopper_kg == hopper_kg
        gap = np.maximum(np.where(seen, hopper_kg, self.level_kg), 0.0) - self.level_kg
        self.level_kg = self.level_kg + np.where(seen, gap, 0.0) / LEVEL_FILTER_S

    def _plug_kg(self) -> Array:
        """Mass that moves as a plug between blender and hopper tank, (n_lines, n_copies)."""
        return np.asarray(self.plug_share * self.level_kg[:, None] + self.frame_dead_kg * self.frame_factor)

    def _tank_shares(self, moved_hopper: Array, press: Array) -> list[tuple[Array, Array]]:
        """Return `shares` of hopper tank and feed-frame tanks by column for what moves through them [kg]."""
        copy = self.columns.copy
        hopper_kg = np.maximum((1.0 - self.plug_share) * self.level_kg[:, None], MASS_MIN_KG)
        turnovers = [moved_hopper / hopper_kg, *(press[:, None] / (kg * self.frame_factor) for kg in self.frame_kg)]
        return [(kept[:, copy], averaged[:, copy]) for kept, averaged in map(shares, turnovers)]

    def _descend(self, press: Array) -> Array:
        before = self.hopper.position
        inflow = self._take(self.hopper, self._plug_kg())
        hopper, *frame = self._tank_shares(self.hopper.position - before, np.maximum(press, 0.0))
        self.downstream[0], outflow = stir(self.downstream[0], inflow, *hopper)
        self._prime(press > 0.0)
        for i, share in enumerate(frame, start=1):
            self.downstream[i], outflow = stir(self.downstream[i], outflow, *share)
        return outflow

    def _prime(self, pressing: NDArray[np.bool_]) -> None:
        """An empty hopper has no unknown material in it: only what came in counts; the first of it fills the feed frame."""
        if self.primed.all():
            return
        empty = ~self.primed[:, None]
        known = self.downstream[0][:, self.columns.known]
        whole = np.where(known > 1e-3, self.downstream[0] / np.maximum(known, 1e-3), 0.0)
        self.downstream[0] = np.where(empty, whole, self.downstream[0])
        self.downstream[1:] = np.where(empty & pressing[:, None], self.downstream[0], self.downstream[1:])
        self.primed = self.primed | pressing

    def look_ahead(self, seconds: int, press_kg: Array | float) -> Array:
        """Return tracers of the material that enters the dies in the next seconds, (seconds, n_lines, columns.n).

        The material is already in hopper and feed frame, so nothing about the future is assumed but the press's pace.
        """
        press = np.maximum(_by_line(press_kg, len(self.level_kg)), 0.0)
        tanks = self._tank_shares(np.broadcast_to(press[:, None], self.hopper.position.shape), press)
        coming = self.hopper.ahead(press, seconds)
        for content, share in zip(self.downstream, tanks, strict=True):
            run_through(content, coming, *share)
        return coming

    def noise_gain(self, correlation_s: float) -> float:
        """Return the share of a spectrum error's variance that is left in a tablet, for errors of this integral
        correlation time [s]: T_c * integral h(t)^2 dt, h the response of hopper tank and feed frame at the reference flow.

        Wrong (too small, at most by 15 %) at higher flows. Source: variance reduction of a linear filter (Gao,
        Ierapetritou & Muzzio 2011).
        """
        tau = np.array([(1.0 - self.rtd.hopper_plug_share) * 0.6, *self.frame_kg]) / self.flow_reference
        return float(min(1.0, correlation_s * energy_of_tanks(tau)))


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
