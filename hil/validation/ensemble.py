"""Many lots of many plants: what a press would have logged of each, in the form in which real batches were logged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.wiring import LineFiles
from hil.validation.drive import Drive, LinePlan
from hil.virtual_plant import reference_plant
from line.configuration import PlantFault
from line.modes import LineState
from plant_sim.parameters import PlantParameters, Quantity, draw_parameters

#: Lines that run in step.
ABREAST = 64
#: A press writes a line of its log so often [s], with these resolutions.
LOG_S, FORCE_RESOLUTION_KN, DEPTH_RESOLUTION_MM = 10, 0.1, 0.01
#: Seconds of pressing that count as setting up, as in real batches (median 17 log lines).
SET_UP_S = 170
#: Within a code, real lots differ by 3.35 % in die-fill density; other lots of API change yield pressure by up to 8 % and
#: strength by up to 15 % (estimate), taken as two standard deviations.
LOT_SIGMA = {"density": 0.033, "yield_pressure": 0.04, "strength": 0.075}
LOT_LIMIT_SIGMA = 2.0
#: Press stops of real batches: median length [s], spread of its logarithm, longest [s].
STOP_MEDIAN_S, STOP_LOG_SIGMA, STOP_MAX_S = 170.0, 1.2, 900
#: Log lines in production without which a lot is left out (five minutes); names of count and moment sums, (lots, 3).
PRODUCTION_MIN, MOMENTS = 30, ("mass", "hardness")
FIRST_PLANT_SEED, CHANCE = 20_000, 71


@dataclass(frozen=True)
class LotPlan:
    """How many lots, how long each [min], press stops an hour, the seed of all chance, which structure ("a", "b")."""

    lots: int = 200
    minutes: int = 75
    stops_per_hour: float = 2.0
    seed: int = 1
    variant: str = "a"


@dataclass(frozen=True)
class LotLogs:
    """What the presses logged: (n_log, lots) every 10 s, and sums over every tablet (lots,).

    `running` tablets were made, `production` set-up is over. Force [kN], depth [mm], SREL [%], ejection [N] as logged.
    """

    running: NDArray[np.bool_]
    production: NDArray[np.bool_]
    force_kn: np.ndarray
    depth_mm: np.ndarray
    srel_pct: np.ndarray
    ejection_n: np.ndarray
    made: np.ndarray
    rejected_set_up: np.ndarray
    rejected: np.ndarray
    set_up_tablets: np.ndarray
    mass: np.ndarray
    strength_mpa: np.ndarray
    hardness: np.ndarray
    stops: np.ndarray
    diameter_m: float

    @property
    def n_lots(self) -> int:
        """Number of lots."""
        return int(self.made.size)

    def with_production(self, lines_min: int = PRODUCTION_MIN) -> LotLogs:
        """Return the lots with at least so many log lines in production: one that stood most of the time tells nothing."""
        chosen = self.production.sum(axis=0) >= lines_min
        parts = {name: value[..., chosen, :] if name in MOMENTS else value[..., chosen] for name, value in self._arrays()}
        return LotLogs(**parts, diameter_m=self.diameter_m)

    def _arrays(self) -> list[tuple[str, np.ndarray]]:
        return [(name, value) for name, value in vars(self).items() if isinstance(value, np.ndarray)]


def run_lots(files: LineFiles, plan: LotPlan, progress: Callable[[int, int], None]) -> LotLogs:
    """Run every lot and return their logs; progress(done, total) in line-seconds."""
    nominal = reference_plant(files, plan.variant)
    seconds, parts, done = plan.minutes * 60, [], 0
    while done < plan.lots:
        n = min(ABREAST, plan.lots - done)
        plans = [_lot(nominal, plan, done + i) for i in range(n)]

        def told(second: int, before: int = done, width: int = n) -> None:
            progress(before * seconds + width * second, plan.lots * seconds)

        parts.append(_run_abreast(Drive(files, plans), nominal, seconds, told))
        done += n
    return _joined(parts)


def _lot(nominal: PlantParameters, plan: LotPlan, number: int) -> LinePlan:
    """A plant of its own with a lot of its own."""
    seed = FIRST_PLANT_SEED + 1000 * plan.seed + number
    chance = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, CHANCE])))
    drawn = draw_parameters(nominal, seed)
    z = np.clip(chance.standard_normal(3), -LOT_LIMIT_SIGMA, LOT_LIMIT_SIGMA)
    density, yielding, strength = (1.0 + sigma * float(x) for sigma, x in zip(LOT_SIGMA.values(), z, strict=True))
    parameters = drawn.model_copy(
        update={
            "fill": drawn.fill.model_copy(update={"density": _scaled(drawn.fill.density, density)}),
            "compaction": drawn.compaction.model_copy(
                update={"yield_pressure": _scaled(drawn.compaction.yield_pressure, yielding)}
            ),
            "strength": drawn.strength.model_copy(
                update={"strength_nominal": _scaled(drawn.strength.strength_nominal, strength)}
            ),
        }
    )
    return LinePlan(parameters, seed, faults=_stops(chance, plan))


def _scaled(quantity: Quantity, factor: float) -> Quantity:
    return quantity.model_copy(update={"value": quantity.value * factor})


def _stops(chance: np.random.Generator, plan: LotPlan) -> tuple[PlantFault, ...]:
    """Press stops as a Poisson process in running time."""
    faults, at_s = [], 0.0
    while plan.stops_per_hour > 0.0:
        at_s += float(chance.exponential(3600.0 / plan.stops_per_hour))
        lasts = min(STOP_MEDIAN_S * float(np.exp(STOP_LOG_SIGMA * chance.standard_normal())), float(STOP_MAX_S))
        if at_s >= plan.minutes * 60:
            break
        faults.append(PlantFault(name="press_stop", at_s=int(at_s), duration_s=max(round(lasts), 5)))
        at_s += lasts
    return tuple(faults)


class _Sums:
    """Running sums over tablets of each line: count, first and second moments of mass and hardness, strength, rejects."""

    def __init__(self, n_lines: int) -> None:
        self.made, self.rejected, self.rejected_set_up = np.zeros(n_lines), np.zeros(n_lines), np.zeros(n_lines)
        self.set_up_tablets, self.strength = np.zeros(n_lines), np.zeros(n_lines)
        self.mass, self.hardness = np.zeros((n_lines, 3)), np.zeros((n_lines, 3))
        self.stops, self.pressed = np.zeros(n_lines), np.zeros(n_lines, np.int64)

    def take(self, drive: Drive, half_turn_m: float) -> NDArray[np.bool_]:
        """Add one second; return which lines made tablets."""
        for _, event in drive.events:
            if event.get("code") == "LINE_HOLD":
                self.stops[_] += 1
        tablets = drive.lines.tablets
        if tablets is None:
            return np.zeros(self.made.size, np.bool_)
        running = tablets.count > 0
        self.pressed += running
        set_up = running & (self.pressed <= SET_UP_S)
        n_rejected = tablets.rejected.sum(axis=1)
        self.set_up_tablets += np.where(set_up, tablets.count, 0)
        self.rejected_set_up += np.where(set_up, n_rejected, 0)
        good = tablets.made & ~tablets.rejected & (running & ~set_up)[:, None]
        self.rejected += np.where(running & ~set_up, n_rejected, 0)
        self.made += np.where(running & ~set_up, tablets.count, 0)
        mass = np.where(good, tablets.mass_kg * 1e6, 0.0)
        strength = np.where(good, tablets.strength_pa, 0.0)
        hardness = strength * tablets.height_m * half_turn_m
        n_good = good.sum(axis=1)
        for sums, values in ((self.mass, mass), (self.hardness, hardness)):
            sums[:, 0] += n_good
            sums[:, 1] += values.sum(axis=1)
            sums[:, 2] += (values * values).sum(axis=1)
        self.strength += strength.sum(axis=1) * 1e-6
        return running


def _run_abreast(drive: Drive, nominal: PlantParameters, seconds: int, progress: Callable[[int], None]) -> LotLogs:
    n, diameter = drive.lines.n_lines, nominal.compaction.die_diameter.si
    n_log = seconds // LOG_S
    flags, logs = np.zeros((2, n_log, n), np.bool_), np.zeros((4, n_log, n))
    sums, row = _Sums(n), 0
    while drive.second < n_log * LOG_S:
        drive.step()
        running = sums.take(drive, np.pi * diameter / 2.0)
        if drive.second % LOG_S == 0:
            executing = running & (drive.tag("Sys/LineState") == LineState.EXECUTE)
            flags[0, row], flags[1, row] = executing, executing & (sums.pressed > SET_UP_S)
            logs[0, row] = _rounded(drive.tag("Press/MainForceMean"), FORCE_RESOLUTION_KN)
            logs[1, row] = _rounded(drive.lines.press_loops.fill_depth * 1e3, DEPTH_RESOLUTION_MM)
            logs[2, row] = drive.tag("Press/SREL")
            logs[3, row] = drive.tag("Press/EjectionForce")
            row += 1
            progress(drive.second)
    return LotLogs(
        flags[0], flags[1], logs[0], logs[1], logs[2], logs[3], sums.made, sums.rejected_set_up, sums.rejected,
        sums.set_up_tablets, sums.mass, sums.strength / np.maximum(sums.mass[:, 0], 1.0), sums.hardness, sums.stops, diameter,
    )  # fmt: skip


def _rounded(values: np.ndarray, resolution: float) -> np.ndarray:
    return np.round(np.rint(values / resolution) * resolution, 6)


def _joined(parts: Sequence[LotLogs]) -> LotLogs:
    if len(parts) == 1:
        return parts[0]
    whole: dict[str, np.ndarray | float] = {}
    for name in vars(parts[0]):
        values = [getattr(part, name) for part in parts]
        if isinstance(values[0], float):
            whole[name] = values[0]
        else:
            axis = 1 if name in ("running", "production", "force_kn", "depth_mm", "srel_pct", "ejection_n") else 0
            whole[name] = np.concatenate(values, axis=axis)
    return LotLogs(**whole)  # type: ignore[arg-type]
