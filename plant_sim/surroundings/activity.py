"""What the line does, as its surroundings feel it."""

from __future__ import annotations

from dataclasses import dataclass

from plant_sim.extents import Counts, Flags, Vector


@dataclass(frozen=True)
class Activity:
    """The line at the end of a step, SI; (n,) unless said otherwise.

    on: not stopped; pressing, feeding: who runs; turret, impeller, paddle [rev/s]; screws (n, 4) [rev/s];
    tablets_made since the start; blender_kg held; refilled_kg (n, 4) since the start.
    """

    on: Flags
    pressing: Flags
    feeding: Flags
    turret: Vector
    impeller: Vector
    paddle: Vector
    screws: Vector
    tablets_made: Counts
    blender_kg: Vector
    refilled_kg: Vector
