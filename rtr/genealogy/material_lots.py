"""Which raw-material lots the tablets are made of: shares of every lot in what enters the dies, with their doubt."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from line.recipe import Recipe
from rtr.genealogy.front import Reading
from rtr.genealogy.propagation import N_TRACERS, Array, Flows, Line, Tracer

#: Limits of how a feeder's hopper mixes a new lot with what it holds: all at once, or not at all.
MIXED, PLUG, N_LIMITS = 0, 1, 2
#: Tracers that the draws of the residence times carry; each takes one lot.
CARRIERS = (Tracer.API, Tracer.POSTERIOR)
NOTHING_KG = 1e-9


@dataclass(frozen=True)
class Load:
    """Material of one raw-material lot that came into a feeder's hopper, spread evenly over `from_step` .. `to_step`."""

    feeder: int
    lot: str
    mass_kg: float
    from_step: int
    to_step: int


class HopperLots:
    """What a feeder's hopper holds of each lot [kg], under both limits of mixing. What it holds nothing of, it delivers as
    it did before; nothing was ever loaded: no lot is delivered."""

    def __init__(self, n_lots: int) -> None:
        self._held = np.zeros(n_lots)
        self._queue: deque[list[float]] = deque()
        self._shares = np.zeros((N_LIMITS, n_lots))

    def load(self, i_lot: int, kg: float) -> None:
        """Add kg of a lot."""
        self._held[i_lot] += kg
        if self._queue and self._queue[-1][0] == i_lot:
            self._queue[-1][1] += kg
        else:
            self._queue.append([i_lot, kg])

    def deliver(self, kg: float) -> Array:
        """Take kg out; return the shares of each lot in it, (N_LIMITS, n_lots)."""
        total = float(self._held.sum())
        if total > NOTHING_KG:
            self._shares[MIXED] = self._held / total
            self._held = self._held * max(1.0 - kg / total, 0.0)
        if kg > 0.0 and self._queue:
            self._shares[PLUG] = self._front(kg)
        return self._shares

    def _front(self, kg: float) -> Array:
        taken, left = np.zeros(len(self._held)), kg
        while left > 0.0 and self._queue:
            front = self._queue[0]
            part = min(left, front[1])
            taken[int(front[0])] += part
            front[1] -= part
            left -= part
            if front[1] <= NOTHING_KG:
                self._queue.popleft()
        return taken / taken.sum() if taken.sum() > 0.0 else self._shares[PLUG]


class LotFollower:
    """Shares of every raw-material lot in what enters the dies, second by second, from what the scales and feeders said.

    The same frozen residence times as release (`Line`), in every draw; each draw under both limits of mixing in the
    feeders' hoppers, which are taken as equally likely. Together they are the K hypotheses of the answer.
    Wrong where powder segregates by lot, or a feeder's hopper mixes neither better nor worse than its limits but holds
    material back for longer than one filling.
    """

    def __init__(self, recipe: Recipe, lots: Sequence[str], loads: Sequence[Load], hold_ups: tuple[float, float]) -> None:
        self.lots = tuple(lots)
        self._feeders = [c.feeder for c in recipe.product.components]
        self._hoppers = [HopperLots(len(lots)) for _ in self._feeders]
        self._loads = sorted(loads, key=lambda load: load.from_step)
        self._loading: list[tuple[Load, float, int]] = []
        n_lines = max(math.ceil(N_LIMITS * len(lots) / len(CARRIERS)), 1)
        self.line = Line(recipe.rtd, np.full(n_lines, hold_ups[0]), np.full(n_lines, hold_ups[1]))
        columns = np.arange(self.line.columns.n)
        self._columns = np.stack([columns[self.line.columns.drawn(tracer)] for tracer in CARRIERS])

    @property
    def n_hypotheses(self) -> int:
        """Number of hypotheses: draws of the residence times times limits of mixing."""
        return int(self._columns.shape[1]) * N_LIMITS

    def follow(self, step: int, reading: Reading, flows_kg_per_s: Sequence[float], elapsed_s: int) -> NDArray[np.float32]:
        """Let `elapsed_s` seconds pass until `step`; return the shares in the dies, (n_hypotheses, n_lots).

        `flows_kg_per_s` what each feeder of the recipe delivered. Shares of a hypothesis sum to one less what was in the
        line before anything was recorded.
        """
        movement = Flows(
            reading.feed_kg_per_s, reading.press_kg_per_s, reading.impeller_rev_per_s, reading.hopper_kg, reading.held
        )
        for second in range(step - elapsed_s + 1, step + 1):
            self._refill(second)
            die = self.line.advance(second, movement, self._fed(flows_kg_per_s, second))
        return self._answer(die)

    def _refill(self, second: int) -> None:
        while self._loads and self._loads[0].from_step <= second:
            load = self._loads.pop(0)
            seconds = max(load.to_step - load.from_step + 1, 1)
            if load.feeder in self._feeders:
                self._loading.append((load, load.mass_kg / seconds, seconds))
        for load, kg, _ in self._loading:
            self._hoppers[self._feeders.index(load.feeder)].load(self.lots.index(load.lot), kg)
        self._loading = [(load, kg, left - 1) for load, kg, left in self._loading if left > 1]

    def _fed(self, flows: Sequence[float], second: int) -> Array:
        total = math.fsum(flows)
        shares = np.zeros((N_LIMITS, len(self.lots)))
        for hopper, flow in zip(self._hoppers, flows, strict=True):
            delivered = hopper.deliver(flow)
            shares += delivered * (flow / total if total > 0.0 else 0.0)
        n_lines = len(self.line.blender_kg)
        carried = np.zeros(n_lines * len(CARRIERS))
        carried[: shares.size] = shares.ravel()
        fed = np.zeros((n_lines, N_TRACERS))
        fed[:, list(CARRIERS)] = carried.reshape(n_lines, len(CARRIERS))
        fed[:, Tracer.KNOWN], fed[:, Tracer.ENTRY_S] = 1.0, float(second)
        return fed

    def _answer(self, die: Array) -> NDArray[np.float32]:
        carried = die[:, self._columns]  # (n_lines, carriers, draws)
        by_column = carried.reshape(-1, carried.shape[-1])[: N_LIMITS * len(self.lots)]
        shaped = by_column.reshape(N_LIMITS, len(self.lots), -1)
        return np.asarray(shaped.transpose(0, 2, 1).reshape(self.n_hypotheses, len(self.lots)), dtype=np.float32)
