"""What is in the feeders' hoppers and what is refilled into them: mass, API, volume, water, compressibility, size, lots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from plant_sim.columns import Columns
from plant_sim.extents import (
    ACTIVE,
    API,
    LOT_SLOTS,
    LOTS_FROM,
    N_EXTENTS,
    N_FEEDERS,
    TINY_KG,
    TOTAL,
    VOLUME,
    WATER,
    YIELD,
    Vector,
)  # fmt: skip

#: Columns of a hopper: its mass, then the material columns ACTIVE..YIELD as they are, its lot slots, mass x relative d50.
MASS: Final = 0
ACTIVE_COLUMN: Final = 1
VOLUME_COLUMN: Final = ACTIVE_COLUMN + VOLUME - ACTIVE
WATER_COLUMN: Final = ACTIVE_COLUMN + WATER - ACTIVE
YIELD_COLUMN: Final = ACTIVE_COLUMN + YIELD - ACTIVE
LOT_COLUMN: Final = ACTIVE_COLUMN + LOTS_FROM - ACTIVE
SIZE_COLUMN: Final = LOT_COLUMN + LOT_SLOTS
N_COLUMNS: Final = SIZE_COLUMN + 1


@dataclass(frozen=True)
class LotProperties:
    """How a raw-material lot differs from the reference material.

    bulk_density, compressibility (of the yield pressure), particle_size (of d50), purity (active per dry mass): relative
    to the reference [fraction, above -1]; moisture: water per mass as received [kg/kg], None: the reference's.
    """

    bulk_density: float = 0.0
    compressibility: float = 0.0
    particle_size: float = 0.0
    purity: float = 0.0
    moisture: float | None = None


class FeederHoppers:
    """Contents of n lines x 4 hoppers, each well mixed: what leaves has the mean composition of what is held.

    `contents` (n, 4, N_COLUMNS) [kg, volume m3]; `supply` (n, 4, N_COLUMNS) the same a kg of what is refilled now. Right for
    hoppers with an agitator over the screws; wrong where powder sinks as a plug: there a new lot arrives later and sharper.
    """

    def __init__(self, p: Columns, moisture: Vector) -> None:
        mass = p["initial_fill"]
        self._density, self._purity = p["bulk_density"], p["purity"]
        #: (n, 4) water of the reference material as it is received [kg/kg].
        self.moisture: Vector = moisture
        self.supply: Vector = np.zeros((*mass.shape, N_COLUMNS))
        for line, feeder in np.ndindex(*mass.shape):
            self.load(line, feeder, LotProperties(), 0)
        self.contents: Vector = mass[..., None] * self.supply
        self._rows = mass.shape[0]

    @property
    def mass(self) -> Vector:
        """(n, 4) kg held."""
        return self.contents[..., MASS]

    @property
    def volume(self) -> Vector:
        """(n, 4) m3 held, loose."""
        return self.contents[..., VOLUME_COLUMN]

    @property
    def water(self) -> Vector:
        """(n, 4) kg of water held."""
        return self.contents[..., WATER_COLUMN]

    @property
    def size(self) -> Vector:
        """(n, 4) mean d50 relative to the reference; 1 where a hopper is empty."""
        mass = self.mass
        return np.where(mass > TINY_KG, self.contents[..., SIZE_COLUMN] / np.maximum(mass, TINY_KG), 1.0)

    def load(self, i_line: int, i_feeder: int, lot: LotProperties, slot: int) -> None:
        """Refill from now on with a lot that is counted in `slot` (0..LOT_SLOTS - 1).

        The active share is that of the dry substance: active = purity (1 + d) (1 - w) / (1 - w_ref).
        """
        at = (i_line, i_feeder)
        moisture = float(self.moisture[at]) if lot.moisture is None else lot.moisture
        row = np.zeros(N_COLUMNS)
        row[MASS] = 1.0
        if i_feeder == 0:
            row[ACTIVE_COLUMN] = self._purity[at] * (1.0 + lot.purity) * (1.0 - moisture) / (1.0 - self.moisture[at])
        row[VOLUME_COLUMN] = 1.0 / (self._density[at] * (1.0 + lot.bulk_density))
        row[WATER_COLUMN] = moisture
        row[YIELD_COLUMN] = 1.0 + lot.compressibility
        row[LOT_COLUMN + slot] = 1.0
        row[SIZE_COLUMN] = 1.0 + lot.particle_size
        self.supply[at] = row

    def exchange_water(self, equilibrium: Vector, share: Vector | float) -> None:
        """Let the powder take up or give off `share` (0..1) of what its water content is off `equilibrium`, (n, 4) [kg/kg].

        Water is a property here, not a mass: less than 0.5 % of the powder, which scales and mass ledger do not feel.
        """
        contents = self.contents.copy()
        contents[..., WATER_COLUMN] += share * (equilibrium * contents[..., MASS] - contents[..., WATER_COLUMN])
        self.contents = contents

    def deliver(self, share: Vector) -> tuple[Vector, Vector]:
        """Take a share (n, 4) in 0..1 of every hopper; return (delivered (n, 4) kg, all of it (n, N_EXTENTS))."""
        out = self.contents * share[..., None]
        self.contents = self.contents - out
        total = out[:, 0] + out[:, 1] + out[:, 2] + out[:, 3]
        blend = np.empty((self._rows, N_EXTENTS))
        delivered: Vector = out[..., MASS]
        blend[:, TOTAL] = total[:, MASS]
        blend[:, API : API + N_FEEDERS] = delivered
        blend[:, ACTIVE : YIELD + 1] = total[:, ACTIVE_COLUMN : YIELD_COLUMN + 1]
        blend[:, LOTS_FROM:] = out[..., LOT_COLUMN:SIZE_COLUMN].reshape(self._rows, -1)
        return delivered, blend

    def receive(self, added: Vector, purity: Vector | None = None) -> None:
        """Add `added` (n, 4) kg of the supply, its active content times `purity` (n, 4)."""
        fresh = added[..., None] * self.supply
        if purity is not None:
            fresh[..., ACTIVE_COLUMN] *= purity
        self.contents = self.contents + fresh
