"""A lot that no plant made, written through the Record API: 40 min with start-up, an API interruption and a run-out.

For tests of report, figures and commands: the shapes are those of a real run, the numbers are drawn from a seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from historian.frames import pack_array, pack_frame
from historian.record import Record
from line.clock import ManualClock
from line.configuration import Scenario, load
from line.modes import Regime
from line.recipe import Recipe
from line.records import Alarm, AlarmState, Decision, Event, EvidenceSource, MaterialState, Parcel, QualityState, Reason
from line.samples import Snapshot, StepResult
from line.tags import TagRegister, load_register
from plant_sim.truth import FILE_NAME
from plant_sim.units.chute import Destination
from sensing.verdict import SpectrumVerdict, Validity

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
TABLETS_A_SECOND = 30


@dataclass
class Shift:
    """True values by second, all (n,), and what the gate did."""

    seconds: int
    potency: np.ndarray
    mass: np.ndarray
    accepted: np.ndarray
    reason: list[Reason]


def make_shift(seconds: int, rng: np.random.Generator) -> Shift:
    """A start-up of 240 s, an interruption seen from 1000 s on for 100 s, a run-out of the last 120 s."""
    t = np.arange(1, seconds + 1)
    potency = 100 + 0.8 * np.sin(t / 240) + 0.3 * rng.standard_normal(seconds)
    potency += 8 * np.exp(-t / 60) - 16 * np.exp(-(((t - 1050) / 35.0) ** 2))
    mass = 225 + 0.6 * np.sin(t / 500) + 0.3 * rng.standard_normal(seconds)
    reason = [Reason.CONFORMS] * seconds
    for k in range(seconds):
        if t[k] <= 240:
            reason[k] = Reason.START_UP
        elif abs(t[k] - 1050) <= 70:
            reason[k] = Reason.POTENCY_OUTSIDE if abs(t[k] - 1050) <= 40 else Reason.GUARD
        elif 1400 <= t[k] < 1430:
            reason[k] = Reason.EVIDENCE_MISSING
        elif t[k] > seconds - 120:
            reason[k] = Reason.RUN_OUT_MATERIAL
    accepted = np.array([r is Reason.CONFORMS for r in reason])
    return Shift(seconds, potency, mass, accepted, reason)


def write_lot(
    folder: Path, seconds: int = 2400, seed: int = 3, *, close: bool = True, truth: bool = True, lot_seed: int = 7
) -> Record:
    """Write a whole lot into `folder` and return its record (closed unless asked otherwise)."""
    rng = np.random.default_rng(seed)
    register = load_register(CONFIGS / "line" / "tags.csv")
    recipe = load(CONFIGS / "recipes" / "reference-18mg.toml", Recipe)
    scenario = load(CONFIGS / "scenarios" / "demo.toml", Scenario)
    meta = {
        "seed": lot_seed,
        "controller": "nmpc",
        "recipe": recipe.model_dump(mode="json"),
        "recipe_hash": recipe.hash,
        "scenario": scenario.model_dump(mode="json"),
        "sensor_hash": "ab" * 32,
    }
    clock = ManualClock()
    record = Record.create(folder, meta, clock, register=register)
    shift = make_shift(seconds, rng)
    for step in range(1, seconds + 1):
        _second(record, register, shift, step, rng)
        clock.sleep_s(1.0)
        if step % 60 == 0:
            record.commit()
    _end(record, seconds)
    if truth:
        write_truth(folder / "truth", shift, rng)
    if close:
        record.close(True)
    return record


def _second(record: Record, register: TagRegister, shift: Shift, step: int, rng: np.random.Generator) -> None:
    snapshot = _snapshot(register, shift, step, rng)
    record.append_bytes("content", "frame", step, pack_frame(snapshot))
    potency, mass = float(shift.potency[step - 1]), float(shift.mass[step - 1])
    if step % 5 == 0:
        _spectrum(record, snapshot, potency, step, rng)
        _decide(record, potency, mass, step, rng)
    ok, reason = bool(shift.accepted[step - 1]), shift.reason[step - 1]
    if step == 1 or reason is not shift.reason[step - 2]:
        record.append("content", "gate", step, {"accept": ok, "reason": reason.value, "words": reason.value.lower()})
    record.append("content", "parcel", step, _parcel(step, potency, mass, ok, reason, rng).body())
    _happenings(record, step)
    timing = {"cycle_ms": round(float(rng.gamma(9, 1.5)), 3)}
    if step % 5 == 0:
        timing["solve_ms"] = round(float(rng.gamma(12, 1.2)), 3)
    record.append("wall", "timing", step, timing)


def _parcel(step: int, potency: float, mass: float, ok: bool, reason: Reason, rng: np.random.Generator) -> Parcel:
    n = TABLETS_A_SECOND
    quality = {Reason.POTENCY_OUTSIDE: QualityState.NONCONFORM, Reason.EVIDENCE_MISSING: QualityState.UNVERIFIED}
    said = potency + 0.4 * float(rng.standard_normal())
    return Parcel(
        step=step,
        counter_from=(step - 1) * n,
        counter_to=step * n,
        made=n,
        rejected=0,
        sampled=0,
        accepted=n if ok else 0,
        diverted=0 if ok else n,
        potency_pct_lc=said,
        potency_nir_pct_lc=said,
        potency_rtd_pct_lc=potency,
        potency_uncertainty_pct_lc=1.0,
        tablet_mass_mg=mass + 0.1,
        evidence=EvidenceSource.NONE if reason is Reason.EVIDENCE_MISSING else EvidenceSource.NIR,
        nir_share=0.95,
        quality=quality.get(reason, QualityState.CONFORM),
        reason=reason,
        material=MaterialState.ACCEPTED if ok else MaterialState.DIVERTED,
        regime=Regime.START if step <= 240 else Regime.STEADY,
        model_hash="cd" * 32,
    )


def _snapshot(register: TagRegister, shift: Shift, step: int, rng: np.random.Generator) -> Snapshot:
    values = (register.low + register.high) / 2
    made_kg = step * TABLETS_A_SECOND * 225e-6
    accepted_kg = float(shift.accepted[:step].sum()) * TABLETS_A_SECOND * 225e-6
    said: dict[str, float] = {
        "Sys/StepIndex": step,
        "Sys/CtrlMode": 1,
        "Sys/LineState": 2,
        "Sys/Interlock": 0,
        "Blender/HoldUpMass": 0.01,
        "Hopper/Level": 0.6 + 0.01 * np.sin(step / 50),
        "SP/HopperLevel": 0.6,
        "Press/MainForceMean": 6.2 + 0.05 * rng.standard_normal(),
        "Press/MainForceSetpoint": 6.2 + 0.1 * (step > 900),
        "Press/MainHeight": 3.373 + 0.01 * (step > 900),
        "SP/MainHeight": 3.373 + 0.01 * (step > 900),
        "Press/TurretSpeed": 51 + 0.2 * rng.standard_normal(),
        "Bin/AcceptedMass": accepted_kg,
        "Bin/DivertedMass": made_kg - accepted_kg,
        "Bin/RejectedMass": 0.0,
        "Bin/SampledMass": 0.0,
        "Utilities/EnergyTotal": 0.5 + 31.0 * step / 3600,
        "Tester/SampleId": step // 300,
        "Tester/PulledStep": step // 300 * 300,
        "Tester/WeightMean": 225.4,
        "Tester/HardnessMean": 70 + 2 * np.sin(step),
        "Assay/SampleId": step // 900,
        "Assay/PulledStep": step // 900 * 900,
        "Assay/PotencyMean": 99.6,
    }
    for number, flow in enumerate((2.0, 14.0, 8.75, 0.25), start=1):
        refill = step % 600 < 20 and step > 60
        said |= {
            f"Feeder{number}/Setpoint": flow,
            f"Feeder{number}/MassFlow": flow * (1 + (0.2 if refill else 0.03) * rng.standard_normal()),
            f"Feeder{number}/Mode": 2 if refill else 0,
            f"Feeder{number}/Totalizer": flow / 25 * (made_kg + 0.61),
        }
    for tag_id, value in said.items():
        values[register.scalar_index[tag_id]] = value
    n = len(register.scalar_ids)
    spectrum = (rng.standard_normal(404) * 0.01 + 0.5).astype(np.float32).astype(np.float64)
    arrays = {"NIR/Spectrum": (spectrum, 0, step)} if step % 5 == 0 else {}
    return Snapshot(register, StepResult(step, values, np.zeros(n, np.uint32), np.full(n, step, np.int64), arrays))


def _spectrum(record: Record, snapshot: Snapshot, potency: float, step: int, rng: np.random.Generator) -> None:
    identity = {"spectrum_id": step // 5, "reference_id": 1, "integration_ms": 30.0, "serial": 4711, "probe": 1}
    record.append_bytes("content", "spectrum", step, pack_array("NIR/Spectrum", snapshot.arrays["NIR/Spectrum"], identity))
    valid = not 1380 <= step < 1440
    verdict = SpectrumVerdict(
        step,
        step // 5,
        0.08 * (potency + 1.2 * float(rng.standard_normal())) / 100,
        0.001,
        4.0,
        12.0,
        1e-4,
        1e-3,
        Validity.VALID if valid else Validity.INVALID_PRESENTATION,
        "" if valid else "window fouled",
        "nir-blend-api",
        "ab" * 32,
    )
    record.append("content", "verdict", step, verdict.body())


def _decide(record: Record, potency: float, mass: float, step: int, rng: np.random.Generator) -> None:
    moves = {"SP/Feeder1MassFlow": 2.0 + 0.01 * float(rng.standard_normal())}
    estimate = {"potency_tablet_pct_lc": potency + 0.2, "weight_mg": mass - 0.1, "hardness_n": 70.0}
    valid = step != 1200
    decision = Decision(
        step, "nmpc", moves if valid else {}, "optimal" if valid else "max_iterations", valid, "nmpc", estimate=estimate
    )
    record.append("content", "decision", step, decision.body())
    if valid:
        record.append("content", "move", step, {"actor": "nmpc", "old": {"SP/Feeder1MassFlow": 2.0}, "new": moves})


def _happenings(record: Record, step: int) -> None:
    if step == 1:
        record.append(
            "content", "event", step, Event(Reason.START, "line", "line started", actor="scenario", role="operator").body()
        )
    if step % 600 == 0:
        record.append(
            "content", "event", step, Event(Reason.REFILL, "Feeder1", "refill of the API feeder <b>", actor="plc").body()
        )
    if step in (1000, 1130):
        state = AlarmState.UNACKNOWLEDGED if step == 1000 else AlarmState.RETURNED
        alarm = Alarm(
            "FLOW_API_LOW",
            2,
            "no API leaves the feeder",
            "tablets below 90 % LC",
            "look for a bridge",
            state,
            Reason.POTENCY_OUTSIDE,
        )
        record.append("content", "alarm", step, alarm.body())


def _end(record: Record, seconds: int) -> None:
    record.append("content", "event", seconds, Event(Reason.END, "shift", "the shift is over").body())
    verdict = {
        "disposition": "HOLD",
        "reasons": [["R6_OPEN_EXCEPTION", "alarm FLOW_API_LOW was not acknowledged"]],
        "acceptance_value": 6.25,
    }
    record.append("content", "lot_verdict", seconds, verdict)
    record.commit()


def write_truth(
    folder: Path, shift: Shift, rng: np.random.Generator, adjust: Callable[[np.ndarray], None] | None = None
) -> None:
    """Write the truth of a shift as a plant does."""
    folder.mkdir(parents=True, exist_ok=True)
    n = TABLETS_A_SECOND
    second = np.repeat(np.arange(1, shift.seconds + 1), n)
    mass = np.repeat(shift.mass, n) + 1.5 * rng.standard_normal(second.size)
    content = np.repeat(shift.potency, n) + 1.0 * rng.standard_normal(second.size)
    destination = np.where(np.repeat(shift.accepted, n), Destination.ACCEPTED, Destination.DIVERTED)
    destination[::9000] = Destination.SAMPLED
    if adjust is not None:
        adjust(content)
    np.savez(
        folder / FILE_NAME,
        tablet_counter=np.arange(1, second.size + 1),
        tablet_second=second,
        tablet_mass_mg=mass,
        tablet_content_pct_lc=content,
        tablet_destination=destination,
        tablet_strength_mpa=np.full(second.size, 1.54),
        series_second=np.arange(1, shift.seconds + 1),
    )
