"""Automatic tuning: the same scenarios, plants, search and number of evaluations for every controller; a log that can go on."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from apc.supervision.assembly import ControllerName
from engine.wiring import LineFiles
from hil.scenarios import load_scenario, shortened
from hil.scoreboard.page import TunedRow
from hil.scoreboard.plan import BoardFile, Job, TuningPlan
from hil.scoreboard.runner import Progress, Task, run_all, tracking_of, write_json
from hil.scoreboard.search import Search, Tried
from line.canonical import content_hash
from line.configuration import near
from line.errors import ConfigurationFaults, DataError, Fault
from line.tuning import FORMS, Tuning

#: What settings cost that end a shift early: beyond anything a shift that comes to its end costs relative to `plc`.
FAILED = 100.0
#: The controller whose cost in the same run is 1.
REFERENCE: ControllerName = "plc"
FILE_NAME = "benchmark/control.toml"
#: Decimals of a cost that are kept.
DECIMALS = 9


@dataclass(frozen=True)
class TuningLog:
    """What was tried: `spec` is the hash of all that fixes the search; costs relative to `plc`, run by run and their mean."""

    controller: ControllerName
    spec: str
    reference: tuple[float, ...]
    evaluations: tuple[dict[str, Any], ...]

    @property
    def best(self) -> dict[str, Any]:
        """The evaluation of lowest cost, the earliest of equals."""
        return min(self.evaluations, key=lambda item: float(item["cost"]))

    def body(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "controller": self.controller,
            "spec": self.spec,
            "n_evaluations": len(self.evaluations),
            "reference": list(self.reference),
            "best": self.best if self.evaluations else None,
            "evaluations": list(self.evaluations),
        }


def log_path(folder: Path, controller: str) -> Path:
    """Return where a controller's log lies in a configuration folder."""
    return folder / "benchmark" / "tuning" / f"{controller.replace('+', '_')}.json"


def read_log(path: Path) -> TuningLog:
    """Return a log. Raises DataError if the file is none."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        return TuningLog(body["controller"], body["spec"], tuple(body["reference"]), tuple(body["evaluations"]))
    except (OSError, ValueError, TypeError, KeyError) as error:
        what_now = "Remove it, or name another with --log."
        raise DataError("not a log of a tuning", where=str(path), how_much=str(error)[:120], what_now=what_now) from error


class Tuner:
    """Tunes one controller. `evaluate` makes the runs; everything else is arithmetic.

    Raises ConfigurationFaults for a controller without ranges, a setting it does not have, or one that is not in force.
    """

    def __init__(self, files: LineFiles, file: BoardFile, controller: ControllerName, n_evaluations: int) -> None:
        self._files, self._file, self._controller = files, file, controller
        self._n = n_evaluations
        self._plan: TuningPlan = file.tuning
        self._in_force = _settings(files.controller.tuning, self._plan, controller)
        for side in (0, 1):
            self._changed({name: ends[side] for name, ends in self._plan.ranges[controller].items()})
        self._search = Search(self._plan.ranges[controller], self._plan.n_wide, n_evaluations)
        self._scenarios = [_cut(files, name, self._plan.minutes) for name in self._plan.scenarios]
        self.spec = self._spec()

    def _spec(self) -> str:
        recipe, shared = self._files.recipe, self._files.controller.model_copy(update={"tuning": Tuning()})
        told = {"product", "setpoints", "ranges"}  # of the recipe; release rules move nothing
        parts = (self._files.configuration.model_dump(mode="json"), recipe.model_dump(mode="json", include=told))
        return content_hash(
            {
                "plan": self._plan.model_dump(mode="json"),
                "scenarios": [scenario.model_dump(mode="json") for scenario in self._scenarios],
                "measured_from_s": self._file.measured_from_s,
                "configuration": content_hash([*parts, shared.model_dump(mode="json")]),
                "controller": self._controller,
                "n_evaluations": self._n,
            }
        )

    def run(self, path: Path, work: Path, n_processes: int, progress: Progress) -> TuningLog:
        """Tune, or go on where the log at `path` ends; the log is written after every evaluation.

        Raises DataError (a log of another search), RecordError (disk).
        """
        log = self._begun(path)
        progress("evaluations", len(log.evaluations), self._n)
        if not log.reference:
            costs = [round(c, DECIMALS) for c in self._costs(REFERENCE, None, work, n_processes) if c is not None]
            if len(costs) < len(self._scenarios):
                raise DataError("the vendor's loops did not end a tuning run", where=str(path), what_now="Choose scenarios.")
            log = replace(log, reference=tuple(costs))
        while len(log.evaluations) < self._n:
            log = self._evaluated(log, work, n_processes)
            write_json(path, log.body())
            progress(f"best {float(log.best['cost']):.3f}", len(log.evaluations), self._n)
        return log

    def _begun(self, path: Path) -> TuningLog:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            return TuningLog(self._controller, self.spec, (), ())
        log = read_log(path)
        if log.spec != self.spec:
            difference = f"{log.spec[:16]} there, {self.spec[:16]} here"
            what_now = "Plan, configuration or number of evaluations differ: name another file with --log, or remove this one."
            raise DataError("a log of another search", where=str(path), how_much=difference, what_now=what_now)
        return log

    def _evaluated(self, log: TuningLog, work: Path, n_processes: int) -> TuningLog:
        tried = [Tried(item["values"], float(item["cost"])) for item in log.evaluations]
        values = self._search.propose(tried) if tried else self._in_force
        costs = self._costs(self._controller, self._changed(values), work, n_processes)
        ratios = [FAILED if c is None else c / r for c, r in zip(costs, log.reference, strict=True)]
        cost = round(sum(ratios) / len(ratios), DECIMALS)
        entry = {"n": len(tried), "values": values, "ratios": [round(ratio, DECIMALS) for ratio in ratios], "cost": cost}
        return replace(log, evaluations=(*log.evaluations, entry))

    def _changed(self, values: dict[str, float]) -> Tuning:
        tuning = self._files.controller.tuning
        table = tuning.of(self._controller)
        if table is None:
            raise ConfigurationFaults([_missing(self._controller)])
        field = self._controller.replace("+", "_")
        try:
            changed = type(table).model_validate({**table.model_dump(), **values})
        except ValidationError as error:
            faults = [Fault(FILE_NAME, f"tuning.ranges.{self._controller}.{e['loc'][0]}", str(e["input"]), e["msg"])
                      for e in error.errors()]  # fmt: skip
            raise ConfigurationFaults(faults) from error
        return tuning.model_copy(update={field: changed})

    def _costs(self, controller: ControllerName, tuning: Tuning | None, work: Path, n_processes: int) -> list[float | None]:
        """Return the tracking cost of each run, None where the shift did not come to its end."""
        plan, prices = self._plan, self._file.prices
        tasks = [
            Task(
                Job(name, variant, seed, controller), scenario, self._files.folder, work, self.spec,
                self._file.measured_from_s, prices, tuning,
            )
            for name, scenario, seed, variant in zip(plan.scenarios, self._scenarios, plan.seeds, plan.plants, strict=True)
        ]  # fmt: skip
        found = {task.job: cost for task, cost in run_all(tasks, n_processes, tracking_of)}
        return [found[task.job] for task in tasks]


def table_text(controller: str, values: dict[str, float]) -> str:
    """Return the lines of the TOML table that puts settings in force."""
    name = f'"{controller}"' if "+" in controller else controller
    return "\n".join([f"[tuning.{name}]", *(f"{key} = {value:g}" for key, value in values.items())])


def in_force(tuning: Tuning, log: TuningLog) -> bool:
    """Return whether the best settings of a log are those of the configuration."""
    table = tuning.of(log.controller)
    return table is not None and all(getattr(table, name, None) == value for name, value in log.best["values"].items())


def tuned_rows(files: LineFiles, file: BoardFile) -> list[TunedRow]:
    """Return what the committed logs say, one row a controller that has one. Raises DataError for a broken log."""
    rows = []
    for controller in file.tuning.ranges:
        path = log_path(files.folder, controller)
        if not path.exists():
            continue
        log = read_log(path)
        spec = Tuner(files, file, controller, len(log.evaluations)).spec
        costs = float(log.evaluations[0]["cost"]), float(log.best["cost"])
        now = in_force(files.controller.tuning, log), log.spec == spec
        rows.append(TunedRow(controller, len(log.evaluations), *costs, *now))
    return rows


def _settings(tuning: Tuning, plan: TuningPlan, controller: ControllerName) -> dict[str, float]:
    """Return the values in force of what is searched."""
    ranges = plan.ranges.get(controller)
    if ranges is None:
        remedy = f"tune one of {', '.join(plan.ranges)}"
        raise ConfigurationFaults([Fault(FILE_NAME, f"tuning.ranges.{controller}", "missing", remedy)])
    if faults := range_faults(plan, FILE_NAME):
        raise ConfigurationFaults(faults)
    table = tuning.of(controller)
    if table is None:
        raise ConfigurationFaults([_missing(controller)])
    return {name: float(getattr(table, name)) for name in ranges}


def range_faults(plan: TuningPlan, file: str) -> list[Fault]:
    """Return every setting that a plan searches and its controller does not have, or not in that range."""
    faults = []
    for controller, ranges in plan.ranges.items():
        if controller not in FORMS:
            faults.append(Fault(file, f"tuning.ranges.{controller}", "has no settings", near(controller, list(FORMS))))
            continue
        known = list(FORMS[controller].model_fields)
        unknown = [name for name in ranges if name not in known]
        faults += [Fault(file, f"tuning.ranges.{controller}.{name}", "unknown", near(name, known)) for name in unknown]
    return faults


def _missing(controller: str) -> Fault:
    return Fault("controller", f"tuning.{controller}", "missing", "write the table that tuning begins with")


def _cut(files: LineFiles, name: str, minutes: float) -> Any:
    scenario = load_scenario(files.folder, name)
    return shortened(scenario, min(minutes, scenario.minutes))
