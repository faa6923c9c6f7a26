"""Faults that cannot be true at once on one target: one says the opposite of the other, or hides it wholly."""

from __future__ import annotations

from itertools import combinations

_SETS: tuple[tuple[str, ...], ...] = (
    # a valve, gate or drive is in one state
    ("gate_stuck_open", "gate_stuck_closed", "gate_slow"),
    ("refill_valve_shut", "refill_valve_open", "refill_slow"),
    ("screw_jam", "drive_sluggish"),
    ("screw_jam", "drive_derated"),
    # a signal that stands still or is absent shows nothing else
    ("scale_frozen", "scale_vibration"),
    ("scale_frozen", "vent_pulses"),
    ("scale_frozen", "load_cell_drift"),
    ("level_sensor_frozen", "level_sensor_offset"),
    ("force_sensor_frozen", "force_sensor_noise"),
    ("force_sensor_frozen", "force_sensor_drift"),
    ("nir_outage", "spectra_frozen"),
    ("spectra_frozen", "detector_noise"),
    ("tester_down", "tester_balance_off"),
    ("tester_down", "tester_jaw_worn"),
    # a supply holds one material
    ("api_lot_weak", "wrong_lot_loaded"),
    # one feeder's outlet is in one state
    ("api_interruption", "api_bridging_short", "outlet_caking"),
)
#: Every exclusive pair, both ways round.
_PAIRS = frozenset(frozenset(pair) for names in _SETS for pair in combinations(names, 2))


def exclusive(one: str, other: str) -> bool:
    """Tell whether two faults may not overlap in time on the same target; a fault always excludes itself."""
    return one == other or frozenset((one, other)) in _PAIRS


def exclusive_of(name: str) -> tuple[str, ...]:
    """Return the other faults that may not overlap with `name` on its target, in alphabetical order."""
    return tuple(sorted(next(iter(pair - {name})) for pair in _PAIRS if name in pair))


def exclusive_names() -> frozenset[str]:
    """Return every name that stands in the sets."""
    return frozenset(name for pair in _PAIRS for name in pair)
