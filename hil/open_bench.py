"""The simulated plant as an open bench: bring a controller, read tags, write set-points, be told at the end how it went."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from engine.desk import Desk
from engine.folders import find_configs
from engine.wiring import LineFiles, load_files
from gateway.inprocess import InProcessPort
from hil.kpis import ENERGY_COUNTER
from hil.scenarios import catalogue, load_scenario, shortened, split_beat_fault
from hil.truth import Truth
from hil.truth_kpis import truth_figures
from hil.virtual_plant import PlantChoice, build_plant
from line.clock import SystemClock
from line.configuration import Scenario, near
from line.errors import ConfigurationFaults, DataError, Fault
from line.modes import ControllerMode
from line.samples import Snapshot
from plant_sim.plant import Plant

#: Owners of set-points that a controller may write; beat, REMOTE and line commands are the bench's.
OPEN_OWNERS = ("APC", "RELEASE")
STEP_MAX_S = 600
TIME = "time_s"
Measurements = dict[str, float | None]


class OpenBench:
    """One scenario at a time, in the manner of BOPTEST: reset, step with set-points, read measurements, figures at the end.

    The bench is operator and engine: it starts the line, keeps the beat, acts as the scenario's operator does (line-hold,
    throughput, run-out) and restarts the line when the cause of a hold is gone. A controller writes set-points in plant
    units by tag; what it does not write stays. It never sees the plant's truth: figures are told when the scenario is
    over. The gate diverts until `SP/AcceptRequest` is 1.
    """

    def __init__(self, configs: Path | None = None) -> None:
        """Find the configuration in `configs`, else as every command does. Raises ConfigurationError."""
        self._files: LineFiles = load_files(configs or find_configs(os.environ, Path.cwd()))
        self._run: _Run | None = None

    def scenarios(self) -> list[dict[str, Any]]:
        """Return every scenario: name, title, minutes, throughput [kg/h]. What will go wrong is not told."""
        return [
            {"name": s.name, "title": s.title, "minutes": s.minutes, "throughput_kg_per_h": s.throughput_kg_per_h}
            for s in catalogue(self._files.folder)
        ]

    def inputs(self) -> list[dict[str, Any]]:
        """Return the set-points a controller may write: tag, unit, range, largest normal range of the recipe, meaning."""
        ranges = self._files.recipe.ranges
        found = []
        for tag_id in self._open_tags():
            tag, usual = self._files.register[tag_id], ranges.get(tag_id)
            normal = None if usual is None else [usual.normal_low, usual.normal_high]
            entry = {"tag": tag_id, "unit": tag.unit, "low": tag.low, "high": tag.high, "normal": normal}
            found.append(entry | {"description": tag.description})
        return found

    def reset(
        self,
        scenario: str,
        seed: int = 1,
        plant_seed: int | None = None,
        variant: str = "a",
        minutes: float | None = None,
        step_s: int = 5,
    ) -> Measurements:
        """Build a plant and return what is measured at second 0.

        seed: everything that happens by chance; plant_seed: which plant of the published ranges (None: seed); variant "a"
        or "b": which equations; minutes cuts the scenario; step_s seconds pass in one `step`. Raises ConfigurationFaults.
        """
        _check_reset(seed, plant_seed, minutes, step_s)
        plan = shortened(load_scenario(self._files.folder, scenario), minutes)
        self._run = _Run(self._files, plan, seed, PlantChoice(variant, plant_seed), step_s)
        return self._run.measurements()

    def step(self, set_points: Mapping[str, float] | None = None) -> Measurements:
        """Write set-points [plant units], let `step_s` seconds pass, return what is then measured (None: no usable value).

        Raises ConfigurationFaults naming every bad set-point (nothing is written then), DataError before a reset or after
        the end.
        """
        run = self._running()
        if run.over:
            raise DataError("the scenario is over", where="step", what_now="Read the figures with kpis, or reset.")
        run.step(self._checked(set_points or {}))
        return run.measurements()

    @property
    def over(self) -> bool:
        """True when the scenario has ended."""
        return self._running().over

    def measurements(self) -> Measurements:
        """Return the newest measurements again: `time_s` and every scalar tag."""
        return self._running().measurements()

    def arrays(self) -> dict[str, list[float]]:
        """Return vector tags that were new in the last step (spectra, forces by station), the newest of each."""
        return dict(self._running().arrays)

    def events(self) -> list[dict[str, Any]]:
        """Return what the PLC reported in the last step, refused set-points among it."""
        return list(self._running().events)

    def forecast(self) -> list[tuple[int, float]]:
        """Return (second, throughput [kg/h]): the one in force, then those that the operator has announced."""
        return self._running().forecast()

    def kpis(self) -> dict[str, float | int | None]:
        """Return the figures of merit of the finished scenario (see hil.kpis), from the plant's truth.

        Raises DataError while the scenario runs: truth is no measurement.
        """
        run = self._running()
        if not run.over:
            left = f"{run.end_s - run.second} s are left"
            raise DataError("figures are told at the end", where="kpis", how_much=left, what_now="Step on, or reset shorter.")
        return run.kpis()

    def _running(self) -> _Run:
        if self._run is None:
            raise DataError("no scenario is loaded", where="open bench", what_now="Call reset with a scenario's name.")
        return self._run

    def _open_tags(self) -> list[str]:
        register = self._files.register
        return [tag for tag in register.setpoint_ids if register[tag].owner in OPEN_OWNERS]

    def _checked(self, set_points: Mapping[str, float]) -> dict[str, float]:
        known, faults, checked = self._open_tags(), [], {}
        for tag_id, value in set_points.items():
            if tag_id not in known:
                faults.append(
                    Fault("set_points", str(tag_id)[:80], "not a set-point of the controller", near(str(tag_id), known))
                )
                continue
            low, high = self._files.register.setpoint_range(tag_id)
            number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
            if not low <= number <= high:
                faults.append(Fault("set_points", tag_id, str(value)[:80], f"a number in {low:g}..{high:g}"))
            checked[tag_id] = number
        if faults:
            raise ConfigurationFaults(faults)
        return checked


def _check_reset(seed: int, plant_seed: int | None, minutes: float | None, step_s: int) -> None:
    faults = []
    for name, value in (("seed", seed), ("plant_seed", plant_seed)):
        if value is not None and not (_whole(value) and 0 <= value < 2**31):
            faults.append(Fault("reset", name, str(value)[:80], "a whole number of 0 or more"))
    if minutes is not None and (isinstance(minutes, bool) or not isinstance(minutes, int | float) or not 1 <= minutes <= 1440):
        faults.append(Fault("reset", "minutes", str(minutes)[:80], "1..1440"))
    if not (_whole(step_s) and 1 <= step_s <= STEP_MAX_S):
        faults.append(Fault("reset", "step_s", str(step_s)[:80], f"a whole number in 1..{STEP_MAX_S}"))
    if faults:
        raise ConfigurationFaults(faults)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


class _Run:
    """One scenario from reset to its end."""

    def __init__(self, files: LineFiles, scenario: Scenario, seed: int, choice: PlantChoice, step_s: int) -> None:
        self._files, self._step_s = files, step_s
        plan, frozen = split_beat_fault(scenario)
        self.end_s = int(scenario.minutes * 60)
        self._plant: Plant = build_plant(files, plan, seed, choice=choice)
        self._port = InProcessPort(self._plant, files.register)
        start = {**files.recipe.setpoints, **files.recipe.feeder_setpoints(scenario.throughput_kg_per_h)}
        start["SP/Throughput"] = scenario.throughput_kg_per_h
        self._desk = Desk(scenario, None, SystemClock(), ControllerMode.ON, start, frozen)
        self._snapshot: Snapshot = self._port.open()
        self._throughput = scenario.throughput_kg_per_h
        self._last = dict(start)
        self._travel = 0.0
        self._energy_from_kwh = self._snapshot.value(ENERGY_COUNTER)
        self.arrays: dict[str, list[float]] = {}
        self.events: list[dict[str, Any]] = []

    @property
    def second(self) -> int:
        """The simulated second reached."""
        return self._snapshot.step

    @property
    def over(self) -> bool:
        """True when the scenario has ended."""
        return self.second >= self.end_s

    def forecast(self) -> list[tuple[int, float]]:
        """The throughput in force and those announced."""
        return list(self._desk.throughput_plan(self.second))

    def step(self, set_points: Mapping[str, float]) -> None:
        """Let step_s seconds pass, or what is left."""
        self.arrays, self.events = {}, []
        self._count_travel(set_points)
        for _ in range(min(self._step_s, self.end_s - self.second)):
            self._desk.serve(self._snapshot)
            self._desk.drain()
            bench = self._desk.pending | self._changed_throughput()
            if not self._desk.beat_frozen(self.second):
                bench["SP/HeartbeatCtrl"] = float(self.second + 1)
            # each second anew: what comes while the PLC is in LOCAL, as in the first second, is not heard
            self._port.write_moves({**bench, **set_points})
            self._snapshot = self._port.read_snapshot()
            self.events += [dict(event) for event in self._snapshot.events]
            self.arrays |= {
                tag: sample.values.tolist() for tag, sample in self._snapshot.arrays.items() if _finite(sample.values)
            }

    def _changed_throughput(self) -> dict[str, float]:
        """The operator's new throughput at the registered ratios, in the second in which it is due."""
        wanted = self._desk.throughput_plan(self.second)[0][1]
        if wanted == self._throughput:
            return {}
        self._throughput = wanted
        return {"SP/Throughput": wanted, **self._files.recipe.feeder_setpoints(wanted)}

    def _count_travel(self, set_points: Mapping[str, float]) -> None:
        for tag, new in set_points.items():
            usual, old = self._files.recipe.ranges.get(tag), self._last.get(tag)
            if usual is not None and old is not None:
                self._travel += abs(new - old) / (usual.normal_high - usual.normal_low)
            self._last[tag] = new

    def measurements(self) -> Measurements:
        """`time_s` and every scalar tag, None where there is no usable value."""
        shown: Measurements = {TIME: float(self.second)}
        for tag in self._files.register.scalar_ids:
            value = self._snapshot.value(tag)
            shown[tag] = value if math.isfinite(value) else None
        return shown

    def kpis(self) -> dict[str, float | int | None]:
        """Figures from the truth, the controller's travel, the suite's electric energy."""
        series, tablets = self._plant.truth.series, self._plant.truth.tablets
        names = ("counter", "second", "mass_mg", "content_pct_lc", "strength_mpa", "destination")
        truth = Truth(series, *(tablets[name] for name in names))
        figures = {**truth_figures(truth, self._files.recipe), "travel_ranges": self._travel}
        energy = self._snapshot.value(ENERGY_COUNTER) - self._energy_from_kwh
        accepted = figures["mass_accepted_truth_kg"]
        figures |= {"energy_kwh": energy, "energy_kwh_per_kg_accepted": energy / accepted if accepted else None}
        return {name: None if value is None or not math.isfinite(value) else value for name, value in figures.items()}


def _finite(values: np.ndarray) -> bool:
    return bool(np.isfinite(values).all())
