"""From the state of one line to its truth, second by second."""

from __future__ import annotations

import math

import numpy as np

from plant_sim.extents import ACTIVE, COMPONENTS, LUBRICANT, N_FEEDERS, TINY_KG, TOTAL, Vector
from plant_sim.lines import Lines
from plant_sim.surroundings.power import HVAC
from plant_sim.truth import Truth
from plant_sim.units.chute import Destination

NAN = float("nan")
#: Below this flow [kg/s] a potency has no meaning.
NO_FLOW = 1e-9


class Recorder:
    """Writes line `i_line` of `lines` into `truth` after every step."""

    def __init__(self, lines: Lines, i_line: int, truth: Truth) -> None:
        self._lines, self._i, self.truth = lines, i_line, truth
        content = lines.groups["content"]
        self._target = float(content["label_claim"][i_line] / content["tablet_mass"][i_line])
        self._diameter = float(lines.groups["compaction"]["die_diameter"][i_line])
        self._area = float(lines.press.area[i_line])

    def record(self) -> None:
        """Write the second that just ended."""
        lines, i = self._lines, self._i
        tablets = lines.tablets
        n = 0 if tablets is None else int(tablets.count[i])
        if tablets is not None and n:
            mass, strength = tablets.mass_kg[i, :n], tablets.strength_pa[i, :n]
            self.truth.add_tablets(
                lines.second, mass, tablets.content_kg[i, :n], strength, tablets.rejected[i, :n], lines.sampled[i, :n]
            )
        accepted, diverted = lines.chute.arrivals(i)
        self.truth.arrive(accepted, Destination.ACCEPTED)
        self.truth.arrive(diverted, Destination.DIVERTED)
        row = [float(lines.second), *self._potencies(), *self._tablet_means(n), *self._flows(), *self._ledger()]
        used_kwh = lines.surroundings.energy_kwh[i].tolist()
        row += [sum(used_kwh[:HVAC]), used_kwh[HVAC]]
        row += [float(lines.sequence.state[i]), float(len(lines.timeline.names(i, lines.second - 1)))]
        self.truth.add_row(np.array(row))

    def _potency(self, flow: Vector) -> float:
        return float(flow[ACTIVE] / flow[TOTAL]) / self._target * 100.0 if flow[TOTAL] > NO_FLOW else NAN

    def _potencies(self) -> list[float]:
        lines, i = self._lines, self._i
        exits = (lines.feed[i], lines.path.blender_exit[i], lines.path.hopper_exit[i], lines.path.frame_exit[i])
        return [self._potency(flow) for flow in exits]

    def _tablet_means(self, n: int) -> list[float]:
        tablets, i = self._lines.tablets, self._i
        if tablets is None or n == 0:
            return [NAN] * 6 + [0.0]
        mass, strength = tablets.mass_kg[i, :n], tablets.strength_pa[i, :n]
        mean = float(mass.sum()) / n
        off = mass - mean
        spread = math.sqrt(float((off * off).sum()) / (n - 1)) if n > 1 else NAN
        hardness = float((strength * tablets.height_m[i, :n]).sum()) / n * np.pi * self._diameter / 2.0
        force = float(tablets.force_n[i, :n].sum()) / n
        return [
            mean * 1e6, spread * 1e6, float(strength.sum()) / n * 1e-6, hardness, force, force / self._area * 1e-6,
            float(n),
        ]  # fmt: skip

    def _flows(self) -> list[float]:
        lines, i = self._lines, self._i
        pressed, effects = lines.path.frame_exit[i], lines.effects
        lubricant = float(pressed[LUBRICANT] / pressed[TOTAL]) if pressed[TOTAL] > NO_FLOW else NAN
        density = float((1.0 + lines.press.wander[i]) * effects.fill_density[i])
        return [
            *(float(x) for x in lines.feeders.delivered[i]),
            float(lines.path.blender_exit[i, TOTAL]),
            float(pressed[TOTAL]),
            lubricant,
            density,
            float(lines.press.yield_factor[i]),
            *self._lots(pressed),
        ]

    def _lots(self, pressed: Vector) -> list[float]:
        """Return, for each component of what is pressed, the share of the lot that its feeder is refilled from."""
        if pressed[TOTAL] <= NO_FLOW:
            return [NAN] * N_FEEDERS
        newest = pressed[self._lines.lots.column[self._i]]
        share: list[float] = (newest / np.maximum(pressed[COMPONENTS], TINY_KG)).tolist()
        return share

    def _ledger(self) -> list[float]:
        lines, i = self._lines, self._i
        path, bank, chute = lines.path, lines.feeders, lines.chute
        units = (path.blender[i], path.hopper[i], path.frame[i])
        put_in = lines.initial_kg[i] + bank.refilled[i]
        held = [float(bank.mass[i].sum()), *(float(u[TOTAL]) for u in units), float(chute.held[i])]
        out = chute.masses[i, 1:].tolist()
        total_in = float(put_in.sum())
        parts = put_in - bank.mass[i] - sum(u[COMPONENTS] for u in units) - lines.pressed[i, COMPONENTS]
        residual = total_in - sum(held) - sum(out)
        return [total_in, *held, *out, residual, *(float(parts[j]) for j in range(N_FEEDERS))]
