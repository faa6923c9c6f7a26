"""A shift that nobody judges or records: the same cycle, plant and controller in half the time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.cycle import run_cycle
from engine.line import Line
from engine.wiring import LineFiles, Shape, build_line
from gateway.inprocess import InProcessPort
from hil.truth import Truth, truth_of
from hil.virtual_plant import PlantChoice, build_plant
from line.clock import WallClock
from line.ports import Stream
from line.records import Reason
from line.samples import Snapshot
from plant_sim.plant import Plant
from rtr.release import ReleaseEngine, ReleaseStep
from sensing.model import SoftSensorModel
from sensing.verdict import SpectrumVerdict


@dataclass
class MovesOnly:
    """Keeps the changes of set-points (second, body) and forgets everything else."""

    moves: list[tuple[int, Mapping[str, Any]]] = field(default_factory=list)

    def append(self, stream: Stream, kind: str, step: int, body: Mapping[str, Any]) -> None:
        """Keep a move."""
        if kind == "move":
            self.moves.append((step, dict(body)))

    def append_bytes(self, stream: Stream, kind: str, step: int, body: bytes) -> None:
        """Keep nothing."""

    def commit(self) -> None:
        """Nothing is to be made durable."""


class Unjudged(ReleaseEngine):
    """Looks at nothing and accepts nothing."""

    def observe(
        self,
        snapshot: Snapshot,
        verdict: SpectrumVerdict | None,
        *,
        plc_remote: bool,
        comms_ok: bool,
        running_out: bool = False,
    ) -> ReleaseStep:
        """Return that the gate diverts."""
        return ReleaseStep(snapshot.step, False, Reason.START_UP, "nobody judges")


@dataclass(frozen=True)
class Made:
    """What a shift made, and how its set-points changed."""

    truth: Truth
    moves: list[tuple[int, Mapping[str, Any]]]


def run_unjudged(
    files: LineFiles,
    shape: Shape,
    seed: int,
    choice: PlantChoice,
    model: SoftSensorModel,
    clock: WallClock,
    lend: Callable[[LineFiles, Plant, Line], None] | None = None,
) -> Made:
    """Run a shift in this process and return what it made; all tablets are diverted, all else is as in `run_bench`.

    `lend` may change the line before it starts, knowing its plant. Raises CommunicationError if the plant stops.
    """
    plant, record = build_plant(files, shape.scenario, seed, None, choice), MovesOnly()
    line = build_line(files, InProcessPort(plant, files.register), model, shape, record, clock)
    line.release = Unjudged(files.recipe, files.configuration, files.register, model.hash)
    if lend is not None:
        lend(files, plant, line)
    line.probe.check_axis(line.port.open())
    line.port.write_moves({"SP/RemoteRequest": 1.0, "SP/HeartbeatCtrl": 1.0})
    for _ in range(int(shape.scenario.minutes * 60)):
        run_cycle(line)
    line.port.write_moves({"SP/RemoteRequest": 0.0, "SP/AcceptRequest": 0.0})
    line.port.read_snapshot()
    line.port.close()
    return Made(truth_of(plant.truth.series, plant.truth.tablets), record.moves)
