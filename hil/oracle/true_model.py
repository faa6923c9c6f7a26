"""The control model with the parameters of one simulated plant, and its state and disturbances as they really are."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from flowsheet import blender, press
from flowsheet.assembly import Flowsheet, build_flowsheet
from flowsheet.layout import (
    BLENDER,
    CELLS,
    DEVIATION,
    FEED_FRAME,
    FILL_DEPTH,
    FLOW_BEFORE,
    FLOW_LAST,
    LEVEL,
    N_CELLS,
    N_D,
    N_FEEDERS,
    N_X,
    OUTPUT,
    STEP_S,
    blender_tank_mass,
)
from flowsheet.parameters import FlowsheetParameters
from line.errors import ConfigurationError
from plant_sim.extents import ACTIVE, LUBRICANT, SHEAR, TINY_KG, TOTAL
from plant_sim.parameters import PlantParameters
from plant_sim.plant import Plant
from plant_sim.truth import SERIES
from plant_sim.units.tanks import BLENDER_1, BLENDER_2, BLENDER_3, FRAME_1, FRAME_2, HOPPER, TankPath

Vector = NDArray[np.float64]

#: Model parameter -> (group, quantity) of the plant's. Reference points (flow, force, height, level, speed) are the recipe's.
SAME = {
    "blender_hold_up": ("blender", "hold_up"),
    "blender_flow_exponent": ("blender", "flow_exponent"),
    "blender_speed_exponent": ("blender", "speed_exponent"),
    "blender_dead_time": ("blender", "dead_time"),
    "hopper_plug_share": ("hopper", "plug_share"),
    "feed_frame_hold_up": ("feed_frame", "hold_up"),
    "feed_frame_dead_time": ("feed_frame", "dead_time"),
    "feed_frame_split": ("feed_frame", "split"),
    "level_time": ("plc", "level_time"),
    "fill_density": ("fill", "density"),
    "fill_turret_term": ("fill", "turret_term"),
    "fill_depth_term": ("fill", "depth_term"),
    "true_density": ("compaction", "true_density"),
    "yield_pressure": ("compaction", "yield_pressure"),
    "heckel_intercept": ("compaction", "heckel_intercept"),
    "press_stiffness": ("compaction", "press_stiffness"),
    "elastic_recovery": ("compaction", "elastic_recovery"),
    "strength": ("strength", "strength_nominal"),
    "porosity_factor": ("strength", "porosity_factor"),
    "lubrication_share": ("strength", "lubrication_share"),
    "lubrication_loss": ("strength", "lubrication_loss"),
}
#: Share of the newest value in what is smoothed: hold-up and turret offset, as in the estimator.
SMOOTHING = 0.1
#: Yield pressures that can be told from force and mass, relative to the model's.
YIELD_RANGE = (-0.4, 0.6)


def true_parameters(believed: FlowsheetParameters, plant: PlantParameters) -> FlowsheetParameters:
    """Return the believed parameters with the plant's own in the place of all that the two have in common, SI.

    Raises ConfigurationError for a plant of other equations: its state has no place in the control model.
    """
    if plant.variant != "a":
        raise ConfigurationError(
            f"a plant of structure {plant.variant!r} has no true state in the control model",
            where="oracle",
            what_now="Choose plants of structure a for causal and clairvoyant.",
        )
    found = {name: float(getattr(getattr(plant, group), key).si) for name, (group, key) in SAME.items()}
    turn_s = believed.n_stations * believed.tablet_mass / believed.reference_flow
    found["force_loop_time"] = -turn_s / math.log(1.0 - plant.plc.force_gain.si)
    return FlowsheetParameters.model_validate({**believed.model_dump(), **found})


class TrueModel:
    """Reads state and disturbances of a plant of structure "a" into the control model; without noise, delay or doubt.

    Exact: masses and compositions of tanks and plugs, flows, fill depth. Disturbances are what makes the model's outputs
    of now those of the last 5 s: biases of flows from what scales and certificates hide, yield pressure, density and
    strength from true tablets, hold-up and turret from true flows. Wrong by what the two structures do not share
    (segregation, dead band of the force loop, height's travel); what changes later it cannot know.
    """

    def __init__(self, believed: FlowsheetParameters, plant: Plant) -> None:
        self.flowsheet: Flowsheet = build_flowsheet(true_parameters(believed, plant.setup.parameters))
        self._plant, self._p = plant, self.flowsheet.parameters
        self._span = np.array([f.scale_span_error.si for f in plant.setup.parameters.feeders.each()])
        self._d = np.zeros(N_D)
        self._flows = np.zeros((2, N_FEEDERS))

    @property
    def pressing(self) -> bool:
        """True while tablets are made."""
        made = self._recent("tablets_made")
        return bool(made.size and made[-1] > 0)

    def read(self, u: Vector) -> tuple[Vector, Vector]:
        """Return x (N_X,) and d (N_D,) of now; u (N_U,) scaled set-points in force. To be asked once every 5 s."""
        x = np.zeros(N_X)
        self._feed(x, u)
        self._path(x)
        x[FILL_DEPTH] = float(self._plant.lines.press_loops.fill_depth[0])
        scaled = x / self.flowsheet.x_scale
        scaled[DEVIATION] = x[DEVIATION]
        if self.pressing:
            self._press(scaled, u)
        return scaled, self._d.copy()

    def _recent(self, name: str) -> Vector:
        """Return a series of the truth over the last 5 s."""
        truth = self._plant.truth
        rows = truth.part(max(truth.n_rows - int(STEP_S), 0), 1 << 62)["rows"]
        values: Vector = rows[:, SERIES.index(name)]
        return values

    def _feed(self, x: Vector, u: Vector) -> None:
        """Flows as the scales would have them, biases, and how far each feeder is from its set-point."""
        lines, effects = self._plant.lines, self._plant.lines.effects
        names = ("api", "premix", "lactose", "lubricant")
        flow = np.array([self._recent(f"mass_flow_{name}_kg_per_s").mean() for name in names])
        delivered = float(lines.feeders.delivered[0, 0])
        purity = float(lines.feed[0, ACTIVE]) / delivered if delivered > 0.0 else 1.0 + float(self._d[0])
        seen = (1.0 + self._span) * effects.scale_gain[0] * effects.scale_sees[0]
        self._d[:N_FEEDERS] = np.array([purity, 1.0, 1.0, 1.0]) / seen - 1.0
        self._flows = np.vstack([flow * seen, self._flows[:1]])
        x[FLOW_LAST], x[FLOW_BEFORE] = self._flows
        told = u[:N_FEEDERS] * self.flowsheet.u_scale[:N_FEEDERS]
        x[DEVIATION] = np.clip(self._flows[0] / np.maximum(told, 1e-9) - 1.0, -1.0, 1.0)

    def _path(self, x: Vector) -> None:
        path = self._plant.lines.path
        if not isinstance(path, TankPath):
            raise ConfigurationError("the plant's path has other units than the model's", where="oracle")
        for j, place in enumerate((BLENDER_1, BLENDER_2, BLENDER_3)):
            tank = path.tank(place, 0)
            x[BLENDER.start + 4 * j : BLENDER.start + 4 * j + 4] = tank[[TOTAL, ACTIVE, LUBRICANT, SHEAR]]
        x[LEVEL] = float(path.hopper_kg[0])
        cells = [*_cells(path.hopper_plug(0)), _composition(path.tank(HOPPER, 0))]
        x[CELLS] = np.concatenate(cells)
        x[FEED_FRAME] = np.concatenate([_composition(path.tank(place, 0)) for place in (FRAME_1, FRAME_2)])
        self._hold_up(x)

    def _hold_up(self, x: Vector) -> None:
        """Bias of the hold-up law: the last tank's mass against what the law gives for the flow that really leaves."""
        p, mass = self._p, float(x[BLENDER.start + 8])
        flow = float(self._recent("mass_flow_blender_exit_kg_per_s").mean())
        speed = float(self._plant.lines.press_loops.impeller[0])
        if flow <= 0.1 * p.reference_flow or mass <= 0.1 * blender_tank_mass(p):
            return
        lawful = float(blender.outflow(mass, speed, p)) / flow
        self._d[7] += SMOOTHING * (float(np.clip(lawful**p.blender_flow_exponent - 1.0, -0.5, 0.5)) - self._d[7])

    def _press(self, x: Vector, u: Vector) -> None:
        """Turret offset, density, yield pressure and strength from the tablets of the last seconds, in that order."""
        p, d = self._p, self._d
        turret = float(self._plant.lines.press_loops.turret[0]) * 60.0
        lawful = self._output(x, u, "speed_turret")
        per_rpm = p.n_stations * p.tablet_mass / 60.0 / p.reference_flow
        d[8] = float(np.clip(d[8] + SMOOTHING * (turret - lawful) * per_rpm, -0.3, 0.3))
        mass, force = (float(np.nanmean(self._recent(n))) for n in ("tablet_mass_mean_mg", "main_force_mean_n"))
        strength = float(np.nanmean(self._recent("tensile_strength_mean_mpa")))
        d[5] += (1.0 + d[5]) * (mass / self._output(x, u, "weight") - 1.0)
        height = float(self._plant.lines.press_loops.main_height[0])
        d[4] = _yield_bias(mass * 1e-6, force, height, p)
        d[6] += (1.0 + d[6]) * (strength / self._output(x, u, "strength") - 1.0)

    def _output(self, x: Vector, u: Vector, name: str) -> float:
        return float(self.flowsheet.outputs(x, u, self._d)[OUTPUT[name]])


def _composition(material: Vector) -> Vector:
    """Return (API, lubricant, shear) per mass of what a unit holds (N_EXTENTS,)."""
    found: Vector = material[[ACTIVE, LUBRICANT, SHEAR]] / max(float(material[TOTAL]), TINY_KG)
    return found


def _cells(parcels: Vector) -> list[Vector]:
    """Return the compositions of N_CELLS equal parts of a plug, newest first; parcels (n, N_EXTENTS) oldest first."""
    total = np.concatenate([[0.0], np.cumsum(parcels[:, TOTAL])])
    if total[-1] <= TINY_KG:
        return [np.zeros(3)] * N_CELLS
    edges = np.linspace(0.0, total[-1], N_CELLS + 1)
    sums = [
        np.interp(edges, total, np.concatenate([[0.0], np.cumsum(parcels[:, column])])) for column in (ACTIVE, LUBRICANT, SHEAR)
    ]
    parts: Vector = np.diff(np.array(sums), axis=1).T / (total[-1] / N_CELLS)
    return list(parts[::-1])


def _yield_bias(mass: float, force: float, height: float, p: FlowsheetParameters) -> float:
    """Return the relative yield pressure at which the model's tablet of `mass` [kg] shows `force` [N]: bisection."""
    low, high = YIELD_RANGE
    for _ in range(40):
        middle = (low + high) / 2.0
        if float(press.force_for_mass(mass, height, middle, p)) < force:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0
