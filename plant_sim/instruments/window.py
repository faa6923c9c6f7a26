"""What passes a probe's window: composition as seen, with the spot's heterogeneity and a slow bias."""

from __future__ import annotations

import numpy as np

from plant_sim.columns import Columns
from plant_sim.extents import ACTIVE, COMPONENTS, TINY_KG, TOTAL, Flags, Vector


class Window:
    """One window of n lines, looked through every `interval` seconds.

    Seen API = true (1 + spot + bias), spot and bias AR(1) with `sampling_sigma`, `sampling_time` and `bias_sigma`,
    `bias_time`. Wrong where a spot sees another blend than what passes (a skin of powder on the window).
    """

    def __init__(self, p: Columns, interval_s: int, empty_kg: float) -> None:
        n = p["sampling_sigma"].shape[0]
        self._empty_kg = empty_kg
        self._spot, self._bias = np.zeros(n), np.zeros(n)
        self._spot_keep = np.exp(-interval_s / p["sampling_time"])
        self._bias_keep = np.exp(-interval_s / p["bias_time"])
        self._spot_in = p["sampling_sigma"] * np.sqrt(1.0 - self._spot_keep**2)
        self._bias_in = p["bias_sigma"] * np.sqrt(1.0 - self._bias_keep**2)

    def look(self, powder: Vector, z_spot: Vector, z_bias: Vector, extra: Vector | float) -> tuple[Vector, Vector, Flags]:
        """Return (fractions as seen (n, 4), true active fraction (n,), empty (n,)).

        powder (n, N_EXTENTS) at the window; `extra` (n,) relative error on top of spot and bias.
        """
        self._spot = self._spot_keep * self._spot + self._spot_in * z_spot
        self._bias = self._bias_keep * self._bias + self._bias_in * z_bias
        mass = powder[:, TOTAL]
        empty = mass < self._empty_kg
        share = ~empty / np.maximum(mass, TINY_KG)
        fractions = powder[:, COMPONENTS] * share[:, None]
        active = powder[:, ACTIVE] * share
        fractions[:, 0] = active * (1.0 + (self._spot + self._bias + extra))
        return fractions, active, empty
