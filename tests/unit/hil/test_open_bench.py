"""The open bench: what a stranger's controller can do, and what it cannot."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hil.open_bench import OpenBench
from line.errors import ConfigurationFaults, DataError
from plant_sim.truth import SERIES

ROOT = Path(__file__).resolve().parents[3]
CONFIGS = ROOT / "configs"


@pytest.fixture
def bench() -> OpenBench:
    return OpenBench(CONFIGS)


def run(bench: OpenBench, minutes: float, **reset: Any) -> list[dict[str, float | None]]:
    seen = [bench.reset("quiet", minutes=minutes, step_s=20, **reset)]
    while not bench.over:
        seen.append(bench.step({"SP/AcceptRequest": 1.0}))
    return seen


def test_a_line_is_started_and_makes_tablets(bench: OpenBench) -> None:
    seen = run(bench, 12)
    assert [y["time_s"] for y in seen[:3]] == [0.0, 20.0, 40.0] and seen[-1]["time_s"] == 720.0
    assert seen[0]["Press/TabletsMade"] == 0.0 and seen[0]["Tester/WeightMean"] is None
    made, accepted = seen[-1]["Press/TabletsMade"], seen[-1]["Diverter/TabletsAccepted"]
    assert made and accepted and made > 3000 and accepted > 0.8 * made
    kpis = bench.kpis()
    assert kpis["mass_accepted_truth_kg"] == pytest.approx(accepted * 225e-6, rel=0.02)
    assert kpis["accepted_outside_10_pct_kg"] == 0.0
    energy = (seen[-1]["Utilities/EnergyTotal"] or 0.0) - (seen[0]["Utilities/EnergyTotal"] or 0.0)
    assert kpis["energy_kwh"] == pytest.approx(energy) and energy > 0.5


def test_one_seed_repeats_and_another_seed_plant_or_variant_does_not(bench: OpenBench) -> None:
    first = run(bench, 5, seed=3)
    assert run(bench, 5, seed=3) == first
    for other in ({"seed": 4}, {"seed": 3, "plant_seed": 4}, {"seed": 3, "variant": "b"}):
        assert run(bench, 5, **other)[-1] != first[-1], other


def test_a_set_point_moves_the_line_and_travel_is_counted(bench: OpenBench) -> None:
    bench.reset("quiet", minutes=12, step_s=60)
    for _ in range(8):
        bench.step({"SP/MainForce": 6.2})
    y = bench.step({"SP/MainForce": 6.8})
    while not bench.over:
        y = bench.step()
    assert y["Press/MainForceMean"] == pytest.approx(6.8, rel=0.03)
    usual = next(i["normal"] for i in bench.inputs() if i["tag"] == "SP/MainForce")
    assert bench.kpis()["travel_ranges"] == pytest.approx(0.6 / (usual[1] - usual[0]))


def test_truth_is_no_measurement_and_is_told_at_the_end_only(bench: OpenBench) -> None:
    shown = bench.reset("quiet", minutes=1, step_s=30)
    assert not set(shown) & set(SERIES)
    with pytest.raises(DataError, match="told at the end"):
        bench.kpis()
    bench.step()
    bench.step()
    assert bench.over and "potency_iae_pct_lc_min" in bench.kpis()
    with pytest.raises(DataError, match="is over"):
        bench.step()


def test_scenarios_do_not_tell_what_will_go_wrong(bench: OpenBench) -> None:
    listed = bench.scenarios()
    assert {"demo", "quiet"} <= {s["name"] for s in listed}
    assert all(set(s) == {"name", "title", "minutes", "throughput_kg_per_h"} for s in listed)


def test_bad_set_points_are_named_together_and_nothing_is_written(bench: OpenBench) -> None:
    bench.reset("quiet", minutes=5)
    before = bench.measurements()
    bad: dict[str, Any] = {
        "SP/MainForce": 99.0, "SP/Mainforce": 6.0, "SP/HopperLevel": float("nan"), "SP/Throughput": True,
        "SP/LineCommand": 5.0, "SP/ImpellerSpeed": "fast",
    }  # fmt: skip
    with pytest.raises(ConfigurationFaults) as caught:
        bench.step({**bad, "SP/FillDepth": 6.0})
    assert {fault.key for fault in caught.value.faults} == set(bad)
    assert "SP/MainForce" in next(f.remedy for f in caught.value.faults if f.key == "SP/Mainforce")
    assert bench.measurements() == before


@pytest.mark.parametrize(
    ("key", "value"),
    [("seed", -1), ("seed", 1.5), ("seed", True), ("plant_seed", "x"), ("minutes", 0), ("step_s", 0), ("step_s", 601),
     ("variant", "c"), ("scenario", "quite")],
)  # fmt: skip
def test_a_bad_reset_is_refused_and_the_scenario_that_runs_goes_on(bench: OpenBench, key: str, value: Any) -> None:
    bench.reset("quiet", minutes=5)
    bench.step()
    with pytest.raises(ConfigurationFaults):
        bench.reset(**{"scenario": "quiet", key: value})
    assert bench.measurements()["time_s"] == 5.0


def test_before_a_reset_everything_says_so(bench: OpenBench) -> None:
    for call in (bench.step, bench.measurements, bench.arrays, bench.events, bench.forecast, bench.kpis):
        with pytest.raises(DataError, match="no scenario is loaded"):
            call()


def test_the_operators_throughput_is_announced_and_carried_out(bench: OpenBench) -> None:
    bench.reset("demo", step_s=60)
    plan = bench.forecast()
    assert len(plan) > 1
    due, wanted = plan[1]
    while (bench.measurements()["time_s"] or 0.0) < due + 60:
        y = bench.step()
    assert y["SP/Throughput"] == wanted and bench.forecast()[0][1] == wanted
    assert y["SP/Feeder1MassFlow"] == pytest.approx(0.08 * wanted)


def test_the_example_of_the_page_runs_from_an_empty_folder(tmp_path: Path) -> None:
    page = (ROOT / "docs/benchmark-plant.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    assert len(blocks) == 1
    statements = [line for line in blocks[0].splitlines() if line.strip()]
    assert len(statements) <= 10, "it is a ten-line example"
    (tmp_path / "example.py").write_text(blocks[0], encoding="utf-8")
    done = subprocess.run([sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "accepted_outside_5_pct_kg" in done.stdout
