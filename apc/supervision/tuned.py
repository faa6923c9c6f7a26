"""What one controller's own factors make of the configuration that all controllers share."""

from __future__ import annotations

from line.configuration import ControllerConfiguration
from line.tuning import BeliefTuning, MoveTuning

#: Inputs of the press whose suppression has a factor of its own; the feeders' are the flows.
PRESS_INPUTS = ("force_main", "height_main")
PRESS_WALKS = ("process_bias_yield_pressure_pct", "process_bias_density_pct", "process_bias_strength_pct")


def tuned(configuration: ControllerConfiguration, controller: str) -> ControllerConfiguration:
    """Return the configuration as a controller of that name works with it: move suppression and noise times its factors.

    Weights, limits, rates and the model stay those of all. A controller without factors gets the configuration itself.
    """
    table = configuration.tuning.of(controller)
    changes = {}
    if isinstance(table, MoveTuning):
        changes["move_suppression"] = {n: v * _move_factor(n, table) for n, v in configuration.move_suppression.items()}
    if isinstance(table, BeliefTuning):
        changes["noise"] = {n: v * _noise_factor(n, table) for n, v in configuration.noise.items()}
    return configuration.model_copy(update=changes) if changes else configuration


def _move_factor(name: str, table: MoveTuning) -> float:
    if name in PRESS_INPUTS:
        return table.press_move_factor
    return table.feeder_move_factor if name.startswith("mass_flow_") else 1.0


def _noise_factor(name: str, table: BeliefTuning) -> float:
    if name == "measured_nir_pct":
        return table.nir_error_factor
    if name in PRESS_WALKS:
        return table.press_walk_factor
    return table.feed_walk_factor if name.startswith("process_bias_") else 1.0
