"""`kilter sensor monitor` on small records: what is pooled, and lots that do not belong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from historian.record import Record
from line.clock import ManualClock
from line.errors import DataError
from sensing.calibration import calibrate
from sensing.model import SoftSensorModel
from tests.record_bench import SMALL
from tests.sensing_bench import synthetic_set
from tests.unit.kilter.test_sensor import call

TO_W_W = 0.08 / 100.0  # 18 mg in 225 mg


@pytest.fixture(scope="module")
def model() -> SoftSensorModel:
    return calibrate(synthetic_set(n_batches=8, replicates=2), model_id="nir", max_components=3)


def write_lot(folder: Path, sensor_hash: str, gaps_pct: list[float], q: float = 0.5) -> None:
    """Ten spectra at 100 % LC (one without powder), a challenger 1 % above, check samples with these gaps, feeders at 99 %."""
    recipe = {"product": {"tablet_mass_mg": 225.0, "label_claim_mg": 18.0}, "rules": {"sensor_bias_max_pct": 2.5}}
    record = Record.create(folder, {"sensor_hash": sensor_hash, "recipe": recipe}, ManualClock(), register=SMALL)
    for step in range(10):
        validity = "INVALID_PRESENTATION" if step == 3 else "VALID"
        body: dict[str, Any] = {"spectrum_id": step, "t2": 1.0, "t2_limit": 10.0, "q": q, "q_limit": 1.0, "validity": validity}
        record.append("content", "verdict", step, {**body, "api_w_w": 100.0 * TO_W_W})
        record.append("content", "shadow", step, {**body, "api_w_w": 101.0 * TO_W_W})
        parcel = {"accepted": int(step > 2), "potency_nir_pct_lc": 100.0, "potency_rtd_pct_lc": 99.0}
        record.append("content", "parcel", step, parcel)
    assays = [{"nir_pct_lc": 100.0 + gap, "assay_pct_lc": 100.0} for gap in gaps_pct]
    record.append("content", "lot_verdict", 10, {"assays": assays})
    record.close(True)


def test_lots_are_pooled(model: SoftSensorModel, tmp_path: Path) -> None:
    file = tmp_path / "model.json"
    file.write_text(model.to_text(), encoding="utf-8")
    width = model.performance.interval_half_width_w_w / TO_W_W
    for name, gaps in (("A", [0.5 * width, 2.0 * width]), ("B", [-0.5 * width, 0.0])):
        write_lot(tmp_path / "runs" / name, model.hash, gaps)
    code, text = call("monitor", str(file), "A", "B", "--runs", str(tmp_path / "runs"), "--json")
    body = json.loads(text)
    figures = {figure["name"]: figure["value"] for figure in body["figures"]}
    assert (code, body["due"], body["beyond_by_lot"]) == (0, [], {"A": 0.0, "B": 0.0})
    assert figures["coverage_checks"] == 75.0
    assert figures["bias_checks"] == pytest.approx((1.25 - 0.25) / 2 * width, abs=1e-6)
    assert (figures["bias_mass_balance"], figures["q_median"]) == (1.0, 0.5)
    assert figures["challenger_gap"] == pytest.approx(1.0)


def test_a_drifted_model_is_due_and_another_lot_is_refused(model: SoftSensorModel, tmp_path: Path) -> None:
    file, runs = tmp_path / "model.json", tmp_path / "runs"
    file.write_text(model.to_text(), encoding="utf-8")
    for name in ("A", "B"):
        write_lot(runs / name, model.hash, [], q=1.5)
    write_lot(runs / "C", "0" * 64, [])
    code, text = call("monitor", str(file), "A", "B", "--runs", str(runs))
    assert code == 1 and "due to retire: 100.0, 100.0 % of spectra beyond T2 or Q" in text
    with pytest.raises(DataError, match="lot C: this lot was made with another model"):
        call("monitor", str(file), "A", "C", "--runs", str(runs))
