"""`kilter sensor` and the form of figures: what is printed, written and returned."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kilter.data_sets import TABLETS, VARIABLE, data_folders, find, read_text
from kilter.figures import Figure, measurement_body
from kilter.sensor import app, figures_of
from kilter.sensor_registry import effective_model
from line.errors import DataError
from sensing.calibration import calibrate
from sensing.model import load_model
from tests.sensing_bench import as_csv, synthetic_set


def call(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "set.csv"
    path.write_text(as_csv(synthetic_set()), encoding="utf-8")
    return path


def test_a_model_is_written_and_shown(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.json"
    code, text = call("calibrate", str(table), "--out", str(out), "--id", "mine", "--json")
    body = json.loads(text)
    model = load_model(out.read_text(encoding="utf-8"))
    assert code == 0 and body["model_sha256"] == model.hash and model.id == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"set.csv", "model.json"}
    code, text = call("show", str(out), "--json")
    assert code == 0 and json.loads(text)["sha256"] == model.hash
    code, text = call("show", str(out))
    assert code == 0 and "mine" in text


def test_the_table_for_people(table: Path) -> None:
    code, text = call("calibrate", str(table))
    assert code == 0 and "rmsecv_by_batch" in text and "SHA-256" in text


def test_a_bad_table_writes_nothing(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.json"
    table.write_text(table.read_text(encoding="utf-8").replace("B03_02", "B03_01"), encoding="utf-8")
    with pytest.raises(DataError, match="there twice"):
        call("calibrate", str(table), "--out", str(out))
    assert not out.exists()


def test_in_control_spectra_must_share_the_axis(table: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    lines = table.read_text(encoding="utf-8").splitlines()
    names = lines[0].split(",")
    other.write_text(
        "\n".join([",".join([*names[:3], *(f"{float(x) + 5:.3f}" for x in names[3:])]), *lines[1:]]), encoding="utf-8"
    )
    with pytest.raises(DataError, match="another axis"):
        call("calibrate", str(table), "--in-control", str(other))
    code, text = call("calibrate", str(table), "--in-control", str(table), "--json")
    assert code == 0 and "independent in-control" in text


def test_a_figure_that_falls_short_ends_with_one() -> None:
    asked = figures_of(calibrate(synthetic_set(), model_id="m", max_components=4), "set.csv", rmsecv_max_pct=1e-6)
    assert [f.name for f in asked if not f.holds] == ["rmsecv_by_batch"]
    assert not measurement_body(asked)["holds"]


@pytest.mark.parametrize(
    ("value", "at_least", "at_most", "holds"),
    [
        (1.0, None, None, True),
        (None, None, None, True),
        (None, None, 1.0, False),
        (float("nan"), None, 1.0, False),
        (float("nan"), 0.0, None, False),
        (1.0, None, 1.0, True),
        (1.01, None, 1.0, False),
        (0.99, 1.0, None, False),
        (1.5, 1.0, 2.0, True),
        (float("inf"), 1.0, None, True),
    ],
)
def test_when_a_figure_holds(value: float | None, at_least: float | None, at_most: float | None, holds: bool) -> None:
    figure = Figure("x", value, "kg", "test", at_least=at_least, at_most=at_most)
    assert figure.holds is holds
    json.dumps(figure.body(), allow_nan=False)


def test_the_common_form() -> None:
    body = measurement_body([Figure("x", 1.0, "kg", "test", 0.5, 1.5)], {"more": 1})
    assert set(body["figures"][0]) >= {"name", "value", "unit", "low", "high", "holds", "source"}
    assert {"versions", "machine", "figures", "holds", "more"} == set(body)


def test_an_absent_set_names_source_and_licence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"source: .*Dyrby.*licence: .*--data or KILTER_DATA") as caught:
        find(TABLETS, tmp_path)
    assert caught.value.exit_code == 2


def test_where_sets_are_looked_for(tmp_path: Path) -> None:
    given, named = tmp_path / "given", tmp_path / "named"
    assert data_folders(given, {VARIABLE: str(named)}) == (given,)
    assert data_folders(None, {VARIABLE: str(named)}) == (named,)
    assert all(folder.parts[-2:] == ("shared", "data") for folder in data_folders(None, {}))
    (named / TABLETS.path).parent.mkdir(parents=True)
    (named / TABLETS.path).write_text("x", encoding="utf-8")
    assert find(TABLETS, None, {VARIABLE: str(named)}) == named / TABLETS.path


def test_an_unreadable_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name in ("binary", "absent", "."):
        with pytest.raises(DataError, match="cannot be read"):
            read_text(tmp_path / name)


@pytest.mark.data
def test_the_open_tablet_set_is_validated(data_dir: Path, repository: Path, tmp_path: Path) -> None:
    """What the page says is what the command finds, and every figure asked of the set holds."""
    page = tmp_path / "soft-sensor.md"
    page.write_text((repository / "docs/soft-sensor.md").read_text(encoding="utf-8"), encoding="utf-8")
    code, text = call("validate", "--data", str(data_dir), "--docs", str(tmp_path), "--json")
    body = json.loads(text)
    figures = {figure["name"]: figure for figure in body["figures"]}
    assert code == 0 and body["holds"]
    assert figures["rmsecv_by_batch"]["value"] == pytest.approx(0.3555, abs=5e-4)
    assert figures["coverage_pooled"]["low"] <= 90 <= figures["coverage_pooled"]["high"]
    assert figures["width_pooled_over_gaussian"]["value"] <= figures["width_pooled_over_gaussian"]["at_most"] == 1.10
    assert figures["error_sd_inside_batch"]["value"] > figures["content_sd_inside_batch"]["value"]
    assert page.read_bytes() == (repository / "docs/soft-sensor.md").read_bytes()
    assert len(body["written"]) == 3


def test_a_page_without_marks_is_left_alone(tmp_path: Path) -> None:
    table = tmp_path / "set.csv"
    table.write_text(as_csv(synthetic_set(n_batches=27, replicates=2)), encoding="utf-8")
    (tmp_path / "soft-sensor.md").write_text("mine\n", encoding="utf-8")
    with pytest.raises(DataError, match="no marks"):
        call("validate", str(table), "--docs", str(tmp_path))
    assert (tmp_path / "soft-sensor.md").read_text(encoding="utf-8") == "mine\n" and len(list(tmp_path.iterdir())) == 2


def test_the_life_of_a_model(table: Path, tmp_path: Path) -> None:
    """Registered by one, approved by another, listed as effective, refused once a byte of its file is another."""
    out, folder = tmp_path / "model.json", tmp_path / "sensors"
    assert call("calibrate", str(table), "--out", str(out), "--instrument", "4711")[0] == 0
    model = load_model(out.read_text(encoding="utf-8"))
    here = ("--registry", str(folder), "--reason", "test")
    days = ("--valid-from", "2020-01-01", "--valid-until", "2099-12-31")
    with pytest.raises(DataError, match="not registered"):
        effective_model(out, folder)
    assert call("register", str(out), *here, "--user", "ann")[0] == 0
    with pytest.raises(DataError, match="is draft"):
        effective_model(out, folder)
    code, text = call("approve", model.hash[:8], *days, "--evidence", str(table), *here, "--user", "bob")
    assert code == 0 and "is effective" in text
    assert effective_model(out, folder).hash == model.hash
    body = json.loads(call("list", "--registry", str(folder), "--json")[1])
    assert [(m["status"], m["approved_by"], m["calibration_set_sha256"]) for m in body["models"]] == [
        ("effective", "bob", model.calibration_set_hash)
    ]
    stored = folder / f"{model.hash}.json"
    text = stored.read_text(encoding="utf-8")
    stored.write_text(text.replace("1", "2", 1), encoding="utf-8")
    with pytest.raises(DataError, match="altered") as caught:
        call("list", "--registry", str(folder))
    assert caught.value.exit_code == 2
    stored.write_text(text, encoding="utf-8")
    assert "retired" in call("retire", model.hash[:8], *here, "--user", "bob")[1]
    with pytest.raises(DataError, match=r"is retired on .* \(test\)"):
        effective_model(out, folder)


def test_a_model_for_a_second_probe(table: Path, tmp_path: Path) -> None:
    out, second = tmp_path / "model.json", tmp_path / "second.json"
    call("calibrate", str(table), "--out", str(out), "--instrument", "1")
    words = ("transfer", str(out), str(table), "--instrument", "2", "--model-version", "2", "--out")
    for more, components in (((), 0), (("--first", str(table)), None)):
        path = second.with_name(f"second{len(more)}.json")
        code, text = call(*words, str(path), *more, "--json")
        figures = {figure["name"]: figure["value"] for figure in json.loads(text)["figures"]}
        model = load_model(path.read_text(encoding="utf-8"))
        assert (code, model.instrument, model.version) == (0, "2", "2")
        assert figures["components"] == 0 if components == 0 else figures["components"] > 0
    with pytest.raises(DataError, match="not overwritten"):
        call(*words, str(path))
