"""Faults of what is loaded: the material in the supply is not what its label says. They arrive with the next refill."""

from __future__ import annotations

from plant_sim.fault_library.kind import FEEDER_NAMES, Act, FaultClass, FaultKind, Move

KINDS = (
    FaultKind(
        name="api_lot_weak",
        kind=FaultClass.LOT,
        meaning="the lot in the supply holds severity % less active than its certificate says",
        unit="%",
        low=-10,
        high=50,
        severity=6.0,
        duration_s=None,
        targets=FEEDER_NAMES,
        acts=(Act("supply_purity", "factor", -100),),
        signature=(
            Move("Assay/PotencyMean", -1, 2.3, 3.8, 600, 720, (360, 500)),
            Move("NIR/Spectrum", -1, 0.0016, 0.0034, 350, 480, (200, 320), "api"),
        ),
        recovery="the next refill is good again; what is in the hopper is used up",
        recovers_s=None,
    ),
    FaultKind(
        name="wrong_lot_loaded",
        kind=FaultClass.HUMAN,
        meaning="an excipient is loaded instead of the active: severity % of the refills is the wrong material",
        unit="%",
        low=0,
        high=100,
        severity=100.0,
        duration_s=None,
        targets=FEEDER_NAMES,
        acts=(Act("supply_purity", "factor", -100),),
        signature=(
            Move("Assay/PotencyMean", -1, 40.0, 60.0, 600, 720, (360, 500)),
            Move("NIR/Spectrum", -1, 0.03, 0.05, 350, 480, (200, 320), "api"),
        ),
        recovery="the next refill is right again; what is in the hopper is used up",
        recovers_s=None,
    ),
)
