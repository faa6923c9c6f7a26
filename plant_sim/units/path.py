"""From feeders to die: blender, hopper with chute, feed frame. Decides how much moves, then moves it."""

from __future__ import annotations

import numpy as np

from plant_sim.columns import Columns
from plant_sim.extents import N_EXTENTS, SHEAR, TOTAL, Vector, bounded
from plant_sim.parameters import Variant
from plant_sim.units.transport import PlugFlow, mix

N_BLENDER_TANKS = 3


class MaterialPath:
    """Blender (dead time + 3 tanks), hopper (plug + tank), feed frame (dead time + 2 unequal tanks) of n lines.

    Blender outflow F = q_ref (M / M_ref)^(1/a) (N / N_ref)^(b/a), the inverse of M = M_ref (q/q_ref)^a (N/N_ref)^-b
    (sign: Vanarase & Muzzio 2011; values are estimates). Hopper and feed frame are gravity fed: the frame takes what
    it needs to stay full, at most the discharge rate. Wrong while a unit fills from empty (no segregation, no voids).
    """

    def __init__(self, blender: Columns, hopper: Columns, frame: Columns, variant: Variant = "a") -> None:
        n = blender["hold_up"].shape[0]
        self.variant = variant
        self.n_lines = n
        q_ref = blender["reference_flow"]
        self._law = (q_ref, blender["hold_up"], blender["reference_speed"])
        self._exponents = (1.0 / blender["flow_exponent"], blender["speed_exponent"] / blender["flow_exponent"])
        self._dead_share = blender["dead_time"] * q_ref / blender["hold_up"]
        self._tank_share = (1.0 - self._dead_share) / N_BLENDER_TANKS
        self._mixed_share = 1.0 - hopper["plug_share"]
        self._discharge_max = hopper["discharge_rate_max"]
        self._frame_dead = frame["dead_time"] * q_ref
        self._frame_large = frame["hold_up"] * frame["split"]
        self._frame_small = frame["hold_up"] - self._frame_large
        self._plug = PlugFlow(3 * n)
        self._first = np.zeros((3 * n, N_EXTENTS))  # blender tank 1, hopper tank, feed-frame tank 1
        self._second = np.zeros((2 * n, N_EXTENTS))  # blender tank 2, feed-frame tank 2
        self._third = np.zeros((n, N_EXTENTS))  # blender tank 3
        self.blender_exit = np.zeros((n, N_EXTENTS))
        self.hopper_exit = np.zeros((n, N_EXTENTS))
        self.frame_exit = np.zeros((n, N_EXTENTS))

    @property
    def blender(self) -> Vector:
        """(n, N_EXTENTS) held in the blender."""
        n = self.n_lines
        return self._plug.held[:n] + self._first[:n] + self._second[:n] + self._third

    @property
    def hopper(self) -> Vector:
        """(n, N_EXTENTS) held in hopper and chute."""
        n = self.n_lines
        return self._plug.held[n : 2 * n] + self._first[n : 2 * n]

    @property
    def frame(self) -> Vector:
        """(n, N_EXTENTS) held in the feed frame and the pipe before it."""
        n = self.n_lines
        return self._plug.held[2 * n :] + self._first[2 * n :] + self._second[n:]

    @property
    def at_die(self) -> Vector:
        """(n, N_EXTENTS) the tank that fills the dies."""
        return self._second[self.n_lines :]

    def step(self, feed: Vector, intake_kg: Vector, impeller: Vector, paddle: Vector) -> None:
        """Move one second's material.

        feed (n, N_EXTENTS) from the feeders; intake_kg (n,) that the press takes, at most the mass at the die;
        impeller, paddle (n,) rev/s.
        """
        n = self.n_lines
        plug_kg, first_kg, second_kg = self._plug.mass, self._first[:, TOTAL], self._second[:, TOTAL]
        b_out, b01, b12, b23 = self._blender_flows(feed[:, TOTAL], impeller)
        f12 = bounded(intake_kg + self._frame_small - second_kg[n:], 0.0, first_kg[2 * n :])
        f01 = bounded(f12 + self._frame_large - first_kg[2 * n :], 0.0, plug_kg[2 * n :])
        hopper_tank = first_kg[n : 2 * n]
        h_out = bounded(f01 + self._frame_dead - plug_kg[2 * n :], 0.0, np.minimum(hopper_tank, self._discharge_max))
        h_after = plug_kg[n : 2 * n] + hopper_tank + b_out - h_out
        h01 = bounded(self._mixed_share * h_after - hopper_tank + h_out, 0.0, plug_kg[n : 2 * n])
        popped = self._plug.pop(np.concatenate((b01, h01, f01)))
        self._first, out_1 = mix(self._first, popped, np.concatenate((b12, h_out, f12)))
        self._second, out_2 = mix(self._second, np.concatenate((out_1[:n], out_1[2 * n :])), np.concatenate((b23, intake_kg)))
        self._third, self.blender_exit = mix(self._third, out_2[:n], b_out)
        self.frame_exit = out_2[n:]
        self.hopper_exit = out_1[n : 2 * n]
        self._plug.push(np.concatenate((feed, self.blender_exit, self.hopper_exit)))
        self._shear(impeller, paddle)

    def _blender_flows(self, inflow: Vector, impeller: Vector) -> tuple[Vector, Vector, Vector, Vector]:
        n = self.n_lines
        q_ref, m_ref, n_ref = self._law
        m_plug, m_1, m_2 = self._plug.mass[:n], self._first[:n, TOTAL], self._second[:n, TOTAL]
        m_3 = self._third[:, TOTAL]
        held = m_plug + m_1 + m_2 + m_3
        law = q_ref * np.power(held / m_ref, self._exponents[0]) * np.power(impeller / n_ref, self._exponents[1])
        out = np.minimum(law, m_3)
        after = held + inflow - out
        f01 = bounded(m_plug + inflow - self._dead_share * after, 0.0, m_plug)
        target = self._tank_share * after
        f12 = bounded(m_1 + f01 - target, 0.0, m_1)
        f23 = bounded(m_2 + f12 - target, 0.0, m_2)
        return out, f01, f12, f23

    def _shear(self, impeller: Vector, paddle: Vector) -> None:
        n = self.n_lines
        self._first[:n, SHEAR] += impeller * self._first[:n, TOTAL]
        self._first[2 * n :, SHEAR] += paddle * self._first[2 * n :, TOTAL]
        self._second[:n, SHEAR] += impeller * self._second[:n, TOTAL]
        self._second[n:, SHEAR] += paddle * self._second[n:, TOTAL]
        self._third[:, SHEAR] += impeller * self._third[:, TOTAL]
