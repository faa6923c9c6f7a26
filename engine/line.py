"""The parts of a running line, wired together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.news import News
from line.clock import WallClock
from line.configuration import LineConfiguration
from line.ports import PlantPort
from line.recipe import Recipe
from line.tags import TagRegister

if TYPE_CHECKING:
    from apc.supervision.guided_test import GuidedTestRun
    from apc.supervision.supervisor import Supervisor
    from engine.desk import Desk
    from engine.journal import Journal
    from engine.probe import Probe
    from rtr.release import ReleaseEngine


@dataclass
class Line:
    """Every part the cycle touches.

    `moves` collects this second's writes (plant units by tag id); `decisions` counts valid decisions; `solve_ms` is
    the wall time of the last decision; `port_lost` is set while the plant does not answer, which is
    waited for `patience_s`; `withheld`: nothing may be accepted, whatever release says (guided test).
    """

    port: PlantPort
    register: TagRegister
    configuration: LineConfiguration
    recipe: Recipe
    clock: WallClock
    probe: Probe
    desk: Desk
    supervisor: Supervisor | GuidedTestRun
    release: ReleaseEngine
    journal: Journal
    news: News = field(default_factory=News)
    moves: dict[str, float] = field(default_factory=dict)
    decisions: int = 0
    solve_ms: float = 0.0
    port_lost: bool = False
    patience_s: float = 0.0
    withheld: bool = False
