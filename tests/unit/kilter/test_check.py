"""`kilter check`: each bad file gets its fault with file, key, value and remedy, all of them at once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kilter import main
from tests.record_bench import ROOT


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    return tmp_path / "configs"


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {path.name}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def faults(capsys: pytest.CaptureFixture[str], *paths: Path) -> tuple[int, str]:
    code = main.run(["check", *map(str, paths)])
    return code, capsys.readouterr().err


def test_the_shipped_configuration_has_no_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["check", str(ROOT / "configs")]) == 0
    assert "no fault" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "old", "new", "key", "words"),
    [
        ("recipes/reference-18mg.toml", 'unit = "kg/h"', 'unit = "g/s"', "ranges.SP/Feeder1MassFlow.unit = 'g/s'", "kg/h"),
        ("recipes/reference-18mg.toml", "guard_s =", "gard_s =", "diversion.gard_s = 20.0", "unknown key"),
        ("recipes/reference-18mg.toml", "guard_s =", "gard_s =", "diversion.guard_s = missing", "no default"),
        ("recipes/reference-18mg.toml", "normal_low = 18.0", "normal_low = 29.0", "ranges.SP/Throughput", "wrong way round"),
        ("recipes/reference-18mg.toml", "assay_low_pct = 95.0\n", "", "rules.assay_low_pct = missing", "write it"),
        ("recipes/reference-18mg.toml", "l1 = 15.0", "l1 = nan", "uniformity.l1", "finite"),
        ("controllers/nmpc.toml", "horizon_s = ", "horizon_s = 60 #", "horizon_s = 60 s", "t95_slowest_s = 473"),
        ("controllers/nmpc.toml", 'tag = "SP/MainForce"', 'tag = "SP/MainForse"', "SP/MainForse", "SP/MainForce"),
        ("parameters/reference-line.toml", "value = 8.0", "value = 8.01", "hash = ", "changed since"),
        ("controllers/nmpc.toml", '"reference-line"', '"reference-lime"', "parameters = 'reference-lime'", "reference-line?"),
        ("line/reference.toml", 'tags = "tags.csv"', 'tags = "tag.csv"', "tags = tag.csv", "no such file"),
        ("line/reference.toml", "number = 2", "number = 1", "feeders.number = 1", "appears twice"),
        ("line/tags.csv", "Blender/Torque,Double,1,N m", "Blender/Torque,Double,1,Nm", "Blender/Torque", "not known"),
        ("scenarios/demo.toml", 'name = "load_cell_span"', 'name = "load_cell_spam"', "load_cell_spam", "load_cell_span"),
        ("scenarios/demo.toml", "severity = -3.0", "severity = -300.0", "severity = -300", "takes"),
        ("scenarios/demo.toml", "at_s = 900", "at_s = 9000", "9000", "end at 3600 s"),
        ("scenarios/demo.toml", "at_s = 900", "at_s = -1", "at_s = -1", "greater"),
        ("scenarios/demo.toml", "value = 22.0", "value = 40.0", "operator.0.value = 40 kg/h", "18..27"),
        ("materials/reference-line.toml", 'source = "', 'sauce = "', "sauce", "unknown key"),
        ("scenarios/demo.toml", "[[operator]]", "[[operator", "file = not TOML", ""),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_file_key_value_and_remedy(
    capsys: pytest.CaptureFixture[str], configs: Path, file: str, old: str, new: str, key: str, words: str
) -> None:
    change(configs / file, old, new)
    code, err = faults(capsys, configs)
    assert code == 2 and str(configs / file) in err.splitlines()
    assert key in err and words in err and "Traceback" not in err


def test_controller_limits_outside_the_normal_range_are_refused(capsys: pytest.CaptureFixture[str], configs: Path) -> None:
    text = (configs / "recipes/reference-18mg.toml").read_text(encoding="utf-8")
    text = text.replace("normal_low = 4.0\nnormal_high = 9.0", "normal_low = 6.1\nnormal_high = 6.3")
    (configs / "recipes/reference-18mg.toml").write_text(text, encoding="utf-8")
    code, err = faults(capsys, configs)
    assert code == 2 and "nmpc.toml" in err
    assert "below the normal range of recipe reference-18mg: at least 6.1 kN" in err
    assert "above the normal range of recipe reference-18mg: at most 6.3 kN" in err


def test_all_faults_of_all_files_come_at_once_as_a_tree(capsys: pytest.CaptureFixture[str], configs: Path) -> None:
    change(configs / "recipes/reference-18mg.toml", "l1 = 15.0", "l1 = -1.0")
    change(configs / "line/reference.toml", "decision_every = 5", "decision_every = 0")
    change(configs / "scenarios/demo.toml", "minutes = 60", "minuts = 60")
    code, err = faults(capsys, configs)
    lines = err.splitlines()
    assert code == 2 and lines[-1] == "4 faults in the configuration. Nothing was started."
    heads = [line for line in lines[:-1] if not line.startswith(" ")]
    assert [Path(head).name for head in heads] == ["reference.toml", "reference-18mg.toml", "demo.toml"]
    assert sum(1 for line in lines if line.startswith("  ") and not line.startswith("   ")) == 4


BAD = """
name = "bad"
title = "Everything that can be wrong at once"
minutes = 20
throughput_kg_per_h = 25.0

[[operator]]
at_s = 1200
action = "run_out"
value = "planned"

[[lots]]
at_s = 300
feeder = 1
lot = "A"
bulk_density_pct = 0.0

[[lots]]
at_s = 300
feeder = 1
lot = "B"
bulk_density_pct = 0.0

[[faults]]
name = "gate_stuck_opened"
at_s = 100

[[faults]]
name = "gate_stuck_open"
at_s = 200
duration_s = 60

[[faults]]
name = "gate_stuck_closed"
at_s = 259

[[faults]]
name = "gate_stuck_closed"
at_s = 261

[[faults]]
name = "nir_outage"
at_s = 1300

[[faults]]
name = "py_step"
at_s = 500
severity = 21

[[faults]]
name = "rat_hole"
at_s = 500
target = "mixer"

[[expect]]
figure = "accepted_tablets_out_of_limit"
at_most = 0
source = "x"
"""
FOUND = [
    "lots.1 = B at 300 s", "operator.0.at_s = 1200 s", "faults.0.name = gate_stuck_opened", "did you mean gate_stuck_open",
    "faults.2 = gate_stuck_closed at 259 s on diverter", "gate_stuck_closed and gate_stuck_open exclude each other",
    "faults.3 = gate_stuck_closed at 261 s", "is in force there already: faults.2 from 259 s to 439 s",
    "faults.4.at_s = 1300 s", "faults.5.severity = 21", "-20..20 %", "faults.6.target = mixer",
    "expect.0.figure = accepted_tablets_out_of_limit",
]  # fmt: skip
SHAPE = [
    ('title = "Every', 'titel = "Every', "titel = 'Everything"),
    ("duration_s = 60", "duration_s = -60", "faults.1.duration_s = -60"),
    ("at_s = 500\nseverity = 21", 'at_s = "soon"\nseverity = 21', "faults.5.at_s = 'soon'"),
]  # fmt: skip


@pytest.mark.parametrize("command", ["check", "simulate"])
@pytest.mark.parametrize("shape", [False, True])
def test_everything_wrong_in_a_scenario_comes_at_once(
    capsys: pytest.CaptureFixture[str], configs: Path, command: str, shape: bool
) -> None:
    text, wanted = BAD, list(FOUND)
    for old, new, shown in SHAPE if shape else []:
        assert old in text
        text, wanted = text.replace(old, new, 1), [*wanted, shown]
    if shape:  # what cannot be read by itself is named for that
        wanted = [w for w in wanted if not w.startswith(("faults.2", "gate_stuck_closed and", "faults.5.severity", "-20..20"))]
    path = configs / "scenarios/bad.toml"
    path.write_text(text, encoding="utf-8")
    code = main.run(["check", str(path)] if command == "check" else ["simulate", "--scenario", str(path)])
    err = capsys.readouterr().err
    assert code == 2 and "Traceback" not in err
    assert [words for words in wanted if words not in err] == [], err
    assert len([line for line in err.splitlines() if line.startswith("  ") and line[2] != " "]) == (11 if shape else 9), err


def test_a_single_file_is_checked_with_its_folder(capsys: pytest.CaptureFixture[str], configs: Path) -> None:
    change(configs / "controllers/nmpc.toml", "horizon_s = ", "horizon_s = 60 #")
    change(configs / "scenarios/demo.toml", "minutes = 60", "minuts = 60")
    code, err = faults(capsys, configs / "controllers/nmpc.toml")
    assert code == 2 and "horizon_s" in err and "minuts" not in err
    assert main.run(["check", str(configs / "recipes/reference-18mg.toml")]) == 0


@pytest.mark.parametrize("what", ["nowhere", "empty", "loose.toml"])
def test_a_path_without_configuration_is_a_fault(capsys: pytest.CaptureFixture[str], tmp_path: Path, what: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "loose.toml").write_text("a = 1\n", encoding="utf-8")
    code, err = faults(capsys, tmp_path / what)
    assert code == 2 and what in err and "scenarios/" in err


def test_schemas_are_those_of_the_code(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main.run(["schema", str(tmp_path / "schema")]) == 0
    assert main.run(["schema", "--check", str(tmp_path / "schema")]) == 0
    change(tmp_path / "schema/recipe.json", '"guard_s"', '"gard_s"')
    (tmp_path / "schema/line.json").unlink()
    capsys.readouterr()
    assert main.run(["schema", "--check", str(tmp_path / "schema")]) == 1
    out = capsys.readouterr().out
    assert "recipe.json differs" in out and "line.json differs" in out and "scenario.json" not in out
    assert main.run(["schema", "--check", str(ROOT / "configs/schema")]) == 0


def test_every_configuration_file_names_its_schema() -> None:
    for path in (ROOT / "configs").glob("*/*.toml"):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith("#:schema ") and (path.parent / first.removeprefix("#:schema ")).resolve().is_file(), path


def test_a_score_board_may_only_name_scenarios_that_are_there(capsys: pytest.CaptureFixture[str], configs: Path) -> None:
    change(configs / "benchmark/control.toml", '"harder_blend", "bench_load', '"harder_blond", "bench_load')
    code, err = faults(capsys, configs)
    assert code == 2 and "quick.scenarios = harder_blond" in err and "harder_blend" in err.split("harder_blond")[-1]
