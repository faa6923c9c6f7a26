"""What the score board will run and how it will judge, fixed and hashed before the first run."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from apc.supervision.assembly import NAMES, ControllerName
from engine.wiring import LineFiles
from hil.scenarios import load_scenario, shortened
from hil.scoreboard.metrics import METRICS, Prices
from line.canonical import content_hash
from line.configuration import Scenario, load, near

StageName = Literal["quick", "full"]
#: Controllers that read the plant's truth: nobody could buy them, they are what others are measured by.
OracleName = Literal["causal", "clairvoyant"]
BoardName = ControllerName | OracleName
ORACLES: tuple[OracleName, ...] = ("causal", "clairvoyant")
#: Controllers whose run takes as long as many shifts.
SLOW: tuple[BoardName, ...] = ("clairvoyant", "dompc")
BOARD_NAMES: tuple[BoardName, ...] = (*NAMES, *ORACLES)
FILE = Path("benchmark") / "control.toml"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Stage(_Strict):
    """One size of the score board: scenarios cut to `minutes`, plants by seed, and how many seeds each controller gets.

    `n_seeds_few`: controllers that are too slow for all of it run in `few_scenarios` only.
    """

    minutes: float = Field(ge=1, le=240)
    scenarios: tuple[str, ...] = Field(min_length=1)
    seeds: tuple[int, ...] = Field(min_length=1)
    plants: tuple[Literal["a", "b"], ...] = Field(min_length=1)
    n_seeds: dict[BoardName, int]
    few_scenarios: tuple[str, ...] = ()
    n_seeds_few: dict[BoardName, int] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _enough(self) -> Stage:
        for table, counts in (("n_seeds", self.n_seeds), ("n_seeds_few", self.n_seeds_few)):
            for name, n in counts.items():
                if not 1 <= n <= len(self.seeds):
                    raise ValueError(f"{table}.{name} = {n} is outside 1..{len(self.seeds)}, the number of seeds")
        if not set(self.few_scenarios) <= set(self.scenarios):
            raise ValueError("few_scenarios names a scenario that is not among scenarios")
        if twice := self.n_seeds.keys() & self.n_seeds_few.keys():
            raise ValueError(f"{', '.join(sorted(twice))} stands in n_seeds and n_seeds_few")
        if len(set(self.seeds)) < len(self.seeds) or len(set(self.scenarios)) < len(self.scenarios):
            raise ValueError("a seed or a scenario stands there twice")
        return self

    def runs(self, controller: BoardName, scenario: str, place: int) -> bool:
        """Return whether a controller runs in a scenario on the plant at that place in `seeds`."""
        few = scenario in self.few_scenarios and place < self.n_seeds_few.get(controller, 0)
        return few or place < self.n_seeds.get(controller, 0)


class TuningPlan(_Strict):
    """Automatic tuning, the same for every controller: run i is scenario i, cut to `minutes`, on the plant of seed i.

    `n_evaluations` settings are tried, the one in force first, the next up to `n_wide` anywhere in the ranges, the rest
    around the best so far. `ranges`: lowest and highest value of each setting, searched on a logarithmic scale.
    """

    minutes: float = Field(ge=8, le=240)
    scenarios: tuple[str, ...] = Field(min_length=1)
    seeds: tuple[int, ...] = Field(min_length=1)
    plants: tuple[Literal["a", "b"], ...] = Field(min_length=1)
    n_evaluations: int = Field(ge=2, le=1000)
    n_wide: int = Field(ge=1)
    ranges: dict[ControllerName, dict[str, tuple[float, float]]]

    @model_validator(mode="after")
    def _whole(self) -> TuningPlan:
        if not len(self.scenarios) == len(self.seeds) == len(self.plants):
            raise ValueError("scenarios, seeds and plants must be equally many: they are taken in threes")
        for controller, table in self.ranges.items():
            for name, (low, high) in table.items():
                if not 0 < low < high:
                    raise ValueError(f"ranges.{controller}.{name} = {low:g}..{high:g}: low must be above 0 and below high")
        return self


class Aim(_Strict):
    """`nmpc` - factor x `against` <= 0 in each metric; scenarios empty: all of the stage."""

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    scenarios: tuple[str, ...]
    metrics: tuple[str, ...] = Field(min_length=1)
    against: BoardName
    factor: float = Field(gt=0, le=2)

    @model_validator(mode="after")
    def _known(self) -> Aim:
        for metric in self.metrics:
            if metric not in METRICS:
                raise ValueError(f"metric {metric!r}: {near(metric, list(METRICS))}")
        return self


class BoardFile(_Strict):
    """The committed file: prices of the economic cost, from when errors count [s], tuning, two stages, aims."""

    version: int = Field(ge=1)
    measured_from_s: int = Field(ge=0, le=7200)
    prices: Prices
    tuning: TuningPlan
    quick: Stage
    full: Stage
    aims: tuple[Aim, ...]

    @model_validator(mode="after")
    def _apart(self) -> BoardFile:
        if common := set(self.tuning.seeds) & {*self.quick.seeds, *self.full.seeds}:
            seeds = ", ".join(str(seed) for seed in sorted(common))
            raise ValueError(f"tuning and score share seeds {seeds}: a controller would be judged on what it was tuned on")
        return self


@dataclass(frozen=True)
class Job:
    """One run: a controller in a scenario on one plant. Runs that differ in the controller alone share all chance."""

    scenario: str
    variant: str
    seed: int
    controller: BoardName

    @property
    def name(self) -> str:
        """The name of its result file."""
        return f"{self.scenario}-{self.variant}{self.seed}-{self.controller.replace('+', '_')}"

    def body(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"scenario": self.scenario, "variant": self.variant, "seed": self.seed, "controller": self.controller}


@dataclass(frozen=True)
class BoardPlan:
    """Everything that is fixed: stage, scenarios as they will run, jobs in order, the hash of all of it."""

    name: StageName
    file: BoardFile
    scenarios: dict[str, Scenario]
    jobs: tuple[Job, ...]
    files_hash: str

    @property
    def stage(self) -> Stage:
        """The stage of the file that this plan is of."""
        return self.file.quick if self.name == "quick" else self.file.full

    def body(self) -> dict[str, Any]:
        """Return what is hashed: stage, file, scenarios, metrics, jobs, configuration of line, recipe and controllers."""
        return {
            "stage": self.name,
            "file": self.file.model_dump(mode="json"),
            "scenarios": {name: scenario.model_dump(mode="json") for name, scenario in self.scenarios.items()},
            "metrics": {name: metric.meaning for name, metric in METRICS.items()},
            "jobs": [job.body() for job in self.jobs],
            "configuration": self.files_hash,
            "kilter": version("kilter"),
        }

    @property
    def hash(self) -> str:
        """SHA-256 of the body in its canonical form: one digit of anything gives another."""
        return content_hash(self.body())


def load_board(folder: Path) -> BoardFile:
    """Return the committed file of a configuration folder. Raises ConfigurationFaults."""
    return load(folder / FILE, BoardFile)


def make_plan(files: LineFiles, file: BoardFile, name: StageName) -> BoardPlan:
    """Return the plan of a stage. Raises ConfigurationFaults.

    First what regret needs, scenario by scenario; then seed by seed, so that what is done so far is always paired; last
    what takes many times a shift.
    """
    stage = file.quick if name == "quick" else file.full
    scenarios = {}
    for word in stage.scenarios:
        scenario = load_scenario(files.folder, word)
        scenarios[word] = shortened(scenario, min(stage.minutes, scenario.minutes))
    jobs = [
        Job(scenario, stage.plants[place % len(stage.plants)], seed, controller)
        for place, seed in enumerate(stage.seeds)
        for scenario in stage.scenarios
        for controller in BOARD_NAMES
        if stage.runs(controller, scenario, place)
    ]
    jobs.sort(key=lambda job: _turn(stage, job))
    parts = (files.configuration, files.recipe, files.controller)
    return BoardPlan(name, file, scenarios, tuple(jobs), content_hash([part.model_dump(mode="json") for part in parts]))


def _turn(stage: Stage, job: Job) -> tuple[int, int]:
    """Return when a job's turn is, the lowest first: (block, scenario in the block)."""
    if job.controller in SLOW:
        return 2, 0
    early = job.scenario in stage.few_scenarios and job.seed in stage.seeds[: max(stage.n_seeds_few.values(), default=0)]
    return (0, stage.few_scenarios.index(job.scenario)) if early else (1, 0)
