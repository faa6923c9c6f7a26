"""The bench of diversion: judged recordings with known answers, the gate on line and in the bench, bounds, the page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.wiring import load_files
from hil.calibration import simulated_model
from hil.diversion.bench import Bench, run_batch
from hil.diversion.judging import Outcome, Setting, judge, settings_of
from hil.diversion.page import BEGIN, END, PICTURE, write_section
from hil.diversion.plan import EVENT_EVERY_S, SCORED_FROM_S, BenchPlan, make_lines
from hil.diversion.recording import N_HALVES, Recording
from hil.diversion.rows import TAGS, rows_of
from hil.diversion.score import rate_bound, ratio_interval, rule_figures
from hil.validation.drive import Drive, LinePlan
from hil.virtual_plant import reference_plant
from kilter.main import run
from line.samples import Snapshot, StepResult
from rtr.genealogy.diversion import DiversionRule, reach_of, transport_s
from tests.release_line import LINE, RECIPE, ROOT
from tests.tables.test_gate_table import CLEAR, flags, second

FILES = load_files(ROOT / "configs")
N, BAD = 900, slice(700, 750)


def recording(**changes: np.ndarray) -> Recording:
    """One line, 30 tablets a second that reach the gate 2 to 3 s after their second began; seconds 700 to 749 at 80 %."""
    no, zero = np.zeros((N, 1), np.bool_), np.zeros((N, 1), np.float32)
    content = np.full((N, 1), 100.0, np.float32)
    content[BAD] = 80.0
    tablets = np.zeros((N, 1, N_HALVES), np.uint8)
    tablets[:, :, 4:6] = 15
    parts = {
        "made": ~no, "evidence_bad": no, "mass_bad": no, "held": no, "booked": no, "predicted": no, "filed_pct": zero + 100,
        "risk_tablet": zero, "risk_parcel": zero, "content_pct_lc": content, "tablets": tablets,
        "mass_kg": tablets * np.float32(225e-6), "out_of_limit": tablets * (content < 85.0)[..., None].astype(np.uint8),
    }  # fmt: skip
    return Recording(**{**parts, **changes})


def outcome(rule: str, **changes: np.ndarray) -> Outcome:
    return judge(recording(**changes), Setting(RECIPE.diversion.model_copy(update={"rule": rule})), LINE.geometry)


def excursion() -> np.ndarray:
    flags = np.zeros((N, 1), np.bool_)
    flags[BAD] = True
    return flags


def as_recorded(flag: str, outside: np.ndarray) -> np.ndarray:
    """Flags, or filed potencies just beyond the limit where the flags are."""
    return np.where(outside, 89.9, 90.1).astype(np.float32) if flag == "filed_pct" else outside


def test_who_sees_nothing_lets_everything_escape() -> None:
    found = outcome("prediction")
    assert (found.nonconforming_s[0], found.escaped_s[0], found.diverted_s[0]) == (50.0, 50.0, 0.0)
    assert (found.out_of_limit[0], found.accepted[0]) == (50 * 30.0, (N - SCORED_FROM_S) * 30.0)


@pytest.mark.parametrize(("rule", "flag"), [("prediction", "predicted"), ("window", "booked"), ("risk", "filed_pct")])
def test_what_a_rule_sees_is_diverted_with_its_reach(rule: str, flag: str) -> None:
    found = outcome(rule, **{flag: as_recorded(flag, excursion())})
    reach = reach_of(RECIPE.diversion.model_copy(update={"rule": rule}), LINE.geometry)
    assert found.escaped_s[0] == found.out_of_limit[0] == 0.0
    # requests of seconds 700 - before .. 749 + after; each is one second of tablets
    assert found.diverted_s[0] == pytest.approx(50 + reach.before_s + reach.after_s)
    assert found.other_s[0] == 0.0


def test_other_reasons_are_counted_apart() -> None:
    found = outcome("prediction", predicted=excursion(), mass_bad=np.roll(excursion(), 100, axis=0))
    assert found.other_s[0] == pytest.approx(50 + transport_s(LINE.geometry))
    held = outcome("prediction", held=excursion(), made=~excursion(), tablets=recording().tablets * ~excursion()[..., None])
    assert held.other_s[0] == pytest.approx(RECIPE.diversion.guard_s + transport_s(LINE.geometry), abs=3.0)


def test_a_stated_risk_is_a_threshold() -> None:
    stated = RECIPE.diversion.risk_tablet_max
    small, large = (np.full((N, 1), risk, np.float32) for risk in (0.9 * stated, 2.0 * stated))
    assert outcome("risk", risk_tablet=small).diverted_s[0] == 0.0
    assert outcome("risk", risk_tablet=large).accepted[0] == 0.0
    assert outcome("risk", risk_parcel=np.full((N, 1), 0.4, np.float32)).accepted[0] == 0.0


def test_the_gate_of_the_bench_is_the_gate_on_line() -> None:
    rng = np.random.default_rng(6)
    outside = np.convolve(rng.random(N) < 0.01, np.ones(12), "same")[:, None] > 0.5
    for rule, flag in (("prediction", "predicted"), ("risk", "filed_pct")):
        diversion = RECIPE.diversion.model_copy(update={"rule": rule})
        on_line = DiversionRule(diversion.model_copy(update={"start_up_confirm_s": 0.0}), LINE.geometry, 0.0)
        n = on_line.reach.before_s
        padded = np.concatenate([outside[:, 0], np.zeros(n, np.bool_)])
        accepted = []
        for t in range(N):
            ahead = replace(flags(False, False, False, False, n), outside=padded[t + 1 : t + 1 + n])
            told = replace(second(t, CLEAR), now=flags(bool(padded[t]), False, False, False, 1), ahead=ahead)
            accepted.append(on_line.decide(told).accept)
        found = outcome(rule, **{flag: as_recorded(flag, outside)})
        # tablets reach the gate 2 to 3 s after their second began, half under each of two successive requests
        shut = 1.0 - np.array(accepted, float)
        late = np.append(shut, [shut[-1]] * 3)
        assert found.diverted_s[0] == pytest.approx(
            0.5 * (late[SCORED_FROM_S + 1 : N + 1] + late[SCORED_FROM_S + 2 : N + 2]).sum()
        )


def test_bounds() -> None:
    # Garwood: 0 events 2.996, 5 events 10.513 (one-sided 95 %); a cluster of all events widens it
    assert rate_bound(np.zeros(10), np.full(10, 100.0)) == pytest.approx(2.996e-3, rel=1e-3)
    assert rate_bound(np.array([1.0, 1, 1, 1, 1]), np.full(5, 200.0)) == pytest.approx(10.513e-3, rel=1e-3)
    assert rate_bound(np.array([5.0, 0, 0, 0, 0]), np.full(5, 200.0)) > 0.0105
    point, low, high = ratio_interval(np.array([1.0, 3.0, 2.0]), np.array([1.0, 1.0, 1.0]))
    assert point == pytest.approx(2.0) and 1.0 <= low < 2.0 < high <= 3.0


def test_the_plan_repeats_itself_and_spaces_its_events() -> None:
    plan = BenchPlan(shifts=3, seconds=3600, events=10, seed=2)
    nominal = reference_plant(FILES)
    lines, again = (make_lines(nominal, RECIPE.rtd, plan) for _ in range(2))
    assert lines == again and len(lines) == 3 + plan.event_lines
    targeted = [fault for line in lines[3:] for fault in line.faults]
    assert len(targeted) == 10
    onsets = [fault.at_s for fault in lines[3].faults]
    assert set(np.diff(onsets)) == {EVENT_EVERY_S}
    hold_ups = np.array([line.parameters.blender.hold_up.value for line in lines])
    assert np.abs(hold_ups / nominal.blender.hold_up.value - 1.0).max() <= 0.1 + 1e-9 and hold_ups.std() > 0.01


def test_rows_read_as_snapshots() -> None:
    drive = Drive(FILES, [LinePlan(reference_plant(FILES), seed) for seed in (1, 2)]).run(30)
    frame = drive.lines.frame
    for i, row in enumerate(rows_of(FILES.register, frame, 30)):
        whole = Snapshot(FILES.register, StepResult(30, frame.values[i], frame.statuses[i], frame.source_steps[i]))
        for tag in TAGS:
            assert (row.good(tag), row.quality_of(tag)) == (whole.good(tag), whole.quality_of(tag))
            np.testing.assert_array_equal([row.value(tag), row.si(tag)], [whole.value(tag), whole.si(tag)])


def test_a_small_bench_from_plant_to_page(tmp_path: Path) -> None:
    plan = BenchPlan(shifts=1, seconds=610, events=1, abreast=2)
    outcomes = run_batch(FILES, plan, simulated_model(FILES, 1), 0, lambda second: None)
    assert [o.setting for o in outcomes] == settings_of(RECIPE.diversion)
    assert all(o.accepted.shape == (2,) and o.nonconforming_s.sum() == 0 for o in outcomes)
    quiet = outcomes[-1]
    assert quiet.accepted.min() > 9 * 20  # ten seconds of a quiet line, 18 kg/h or more, is accepted
    figures = tuple(rule_figures(outcomes, "risk"))
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nOLD\n{END}\nafter\n", encoding="utf-8")
    write_section(Bench(plan, tuple(outcomes), figures, figures, figures), page, "told")
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("after\n") and "OLD" not in text and "`risk_escaped_pct`" in text
    assert (tmp_path / PICTURE).read_text(encoding="utf-8").startswith("<?xml")


def test_a_page_without_a_place_is_refused_before_anything_is_simulated(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("no marks", encoding="utf-8")
    for name in ("page.md", "missing.md"):
        assert run(["bench", "diversion", "--page", str(tmp_path / name)]) == 2
