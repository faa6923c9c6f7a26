"""Behind the press: ejection, chute, gate and containers. Every tablet arrives once, in exactly one container."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np

from line.configuration import Geometry
from plant_sim.columns import Columns
from plant_sim.extents import Counts, Flags, Vector, bounded
from plant_sim.units.press import MAX_TABLETS, Tablets

#: Seconds of production that may be in the chute at once, and the latest arrival after compression [s].
MAX_SECONDS = 12


class Destination(IntEnum):
    """Where a tablet ended."""

    IN_CHUTE = 0
    ACCEPTED = 1
    DIVERTED = 2
    REJECTED = 3
    SAMPLED = 4


N_DESTINATIONS = 5
# Plain integers: enumeration members cost a look-up each, many times a second.
ACCEPTED, DIVERTED = int(Destination.ACCEPTED), int(Destination.DIVERTED)
REJECTED, SAMPLED = int(Destination.REJECTED), int(Destination.SAMPLED)


class Chute:
    """Tablets on their way and the scales under the four containers of n lines.

    A tablet reaches the gate ejection + gate transport after compression (registered mean and spread); a rejected or
    sampled one leaves at ejection. The gate moves gate_switching after its command.
    """

    def __init__(self, p: Columns, geometry: Sequence[Geometry]) -> None:
        n = len(geometry)
        shape = (n, MAX_SECONDS, MAX_TABLETS)
        mean = np.array([g.ejection_from_die.mean_s + g.gate_from_ejection.mean_s for g in geometry])
        spread = np.array([np.hypot(g.ejection_from_die.spread_s, g.gate_from_ejection.spread_s) for g in geometry])
        self._mean, self._spread = mean[:, None], spread[:, None]
        self._switch = np.array([g.gate_switching.mean_s for g in geometry])
        self._gain = 1.0 + p["accepted_scale_span_error"]
        self._p = p
        self._arrival = np.full(shape, np.inf)
        self._mass = np.zeros(shape)
        self._pending = np.zeros(shape, np.bool_)
        self._counter = np.zeros(shape, np.int64)
        self.open = np.zeros(n, np.bool_)
        self.counts: Counts = np.zeros((n, N_DESTINATIONS), np.int64)
        self.masses: Vector = np.zeros((n, N_DESTINATIONS))
        self._slot = 0

    @property
    def held(self) -> Vector:
        """(n,) kg between die and containers."""
        return np.where(self._pending, self._mass, 0.0).reshape(self._mass.shape[0], -1).sum(axis=1)

    def add(self, second: int, tablets: Tablets, sampled: Flags, normals: Vector) -> None:
        """Take this second's tablets (compressed within second..second+1); sampled ones go to the sample container."""
        direct = tablets.rejected | sampled
        within = (np.arange(MAX_TABLETS) + 0.5) / np.maximum(tablets.count, 1)[:, None]
        travel = bounded(self._mean + self._spread * normals, 0.0, MAX_SECONDS - 3.0)
        slot = self._slot
        self._slot = (slot + 1) % MAX_SECONDS
        self._arrival[:, slot] = second + within + travel
        self._mass[:, slot] = tablets.mass_kg
        self._counter[:, slot] = tablets.counter
        self._pending[:, slot] = tablets.made & ~direct
        for flags, place in ((tablets.rejected & ~sampled, REJECTED), (sampled, SAMPLED)):
            self.counts[:, place] += flags.sum(axis=1)
            self.masses[:, place] += np.where(flags, tablets.mass_kg, 0.0).sum(axis=1)

    def settle(self, second: int, command_open: Flags) -> tuple[Flags, Flags, Counts]:
        """Let tablets arrive within second..second+1; the gate obeys `command_open` after its switching time.

        Returns (accepted, diverted, counter), arrays (n, MAX_SECONDS, MAX_TABLETS).
        """
        arrived = self._pending & (self._arrival < second + 1.0)
        early = self._arrival < (second + self._switch)[:, None, None]
        is_open = np.where(early, self.open[:, None, None], command_open[:, None, None])
        accepted, diverted = arrived & is_open, arrived & ~is_open
        self._pending &= ~arrived
        n = self.open.shape[0]
        for flags, place in ((accepted, ACCEPTED), (diverted, DIVERTED)):
            flat = flags.reshape(n, -1)
            self.counts[:, place] += flat.sum(axis=1)
            self.masses[:, place] += np.where(flat, self._mass.reshape(n, -1), 0.0).sum(axis=1)
        self.open = command_open.copy()
        return accepted, diverted, self._counter

    def weigh(self, normals: Vector) -> Vector:
        """Return the container scales [kg]: accepted, diverted, rejected, sampled, (n, 4); normals (n, 4)."""
        return self.masses[:, 1:] * self._gain[:, None] + normals * self._p["scale_noise"][:, None]
