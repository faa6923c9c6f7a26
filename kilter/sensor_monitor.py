"""`kilter sensor monitor`: what the lots made with a model say of it, and whether it is due to retire."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from hil.figures import Figure
from historian.queries import RecordReader
from historian.runs import run_folder
from kilter import data_sets
from kilter.figures import show_figures
from line.canonical import quantise
from line.errors import DataError
from sensing.drift import Drift, LotEvidence, Mean, judge_drift
from sensing.model import SoftSensorModel, load_model
from sensing.verdict import Validity

PERCENT = 100.0
UNSEEN = (Validity.INVALID_INSTRUMENT, Validity.INVALID_PRESENTATION)
EXIT_DUE = 1


def monitor(
    model: Annotated[Path, typer.Argument(help="The model file that the lots were made with.")],
    lots: Annotated[list[str], typer.Argument(help="Lots in the order made.")],
    runs: Annotated[Path, typer.Option(help="Folder that holds the lots.", envvar="KILTER_RUNS")] = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Pool check samples, spectra and mass balance over lots. Exit 1 if the model is due to retire.

    Coverage of the model's 90 % interval with Wilson's interval; bias against assays and against the feeders; spectra beyond
    T2 or Q; what a challenger in shadow said. The rule of retirement is fixed; it is a person who retires a model.
    """
    known = load_model(data_sets.read_text(model))
    evidence, terms = [], None
    for lot in lots:
        with RecordReader(run_folder(runs, lot)) as reader:
            terms = _terms(reader, lot, known, terms)
            evidence.append(_evidence(reader, lot, terms[0]))
    if terms is None:
        raise DataError("no lot was named", where="kilter sensor monitor", what_now="Name one or more.")
    to_pct, bias_max = terms
    performance = known.performance
    width = to_pct * performance.interval_half_width_w_w
    drift = judge_drift(evidence, width, performance.interval_level, known.limits.alpha, bias_max)
    beyond = dict(zip(lots, (quantise(share) for share in drift.beyond), strict=True))
    extra = {"model_sha256": known.hash, "beyond_by_lot": beyond, "due": list(drift.due)}
    figures = _figures(drift, performance.interval_level, width, bias_max)
    code = show_figures(f"{known.id} {known.version} in {len(lots)} lots", figures, as_json, extra)
    if not as_json:
        sys.stdout.write("".join(f"due to retire: {words}\n" for words in drift.due) or "not due to retire\n")
    raise typer.Exit(EXIT_DUE if drift.due else code)


def _terms(reader: RecordReader, lot: str, model: SoftSensorModel, before: tuple[float, float] | None) -> tuple[float, float]:
    """Return (% of label claim in a mass fraction of 1, limit of the bias) of a lot; all lots must agree on them."""
    meta = reader.meta
    if meta.get("sensor_hash") != model.hash:
        raise DataError(
            "this lot was made with another model", where=f"lot {lot}",
            how_much=f"{str(meta.get('sensor_hash'))[:12]}, not {model.hash[:12]}", what_now="Leave it out.",
        )  # fmt: skip
    product, rules = meta["recipe"]["product"], meta["recipe"]["rules"]
    found = PERCENT * product["tablet_mass_mg"] / product["label_claim_mg"], float(rules["sensor_bias_max_pct"])
    if before not in (None, found):
        raise DataError("lots of different products or limits", where=f"lot {lot}", what_now="Monitor each product alone.")
    return found


def _evidence(reader: RecordReader, lot: str, to_pct: float) -> LotEvidence:
    verdicts = [body for _, body in reader.bodies("verdict") if body["validity"] not in UNSEEN]
    champion = {body["spectrum_id"]: body["api_w_w"] for body in verdicts}
    shadows = [
        body for _, body in reader.bodies("shadow") if body["validity"] not in UNSEEN and body["spectrum_id"] in champion
    ]
    parcels = [p for p in reader.parcels() if p["accepted"] > 0]
    balance = _column(parcels, "potency_nir_pct_lc") - _column(parcels, "potency_rtd_pct_lc")
    assays = (reader.verdict() or {}).get("assays", [])
    return LotEvidence(
        lot=lot,
        t2=_column(verdicts, "t2") / _column(verdicts, "t2_limit"),
        q=_column(verdicts, "q") / _column(verdicts, "q_limit"),
        check_gaps=_column(assays, "nir_pct_lc") - _column(assays, "assay_pct_lc"),
        balance_gap=float(np.nanmean(balance)) if np.isfinite(balance).any() else float("nan"),
        shadow_gaps=to_pct
        * np.array([s["api_w_w"] - champion[s["spectrum_id"]] for s in shadows if s["spectrum_id"] in champion]),
    )


def _seen(reader: RecordReader, kind: str) -> list[dict[str, Any]]:
    return [body for _, body in reader.bodies(kind) if body["validity"] not in UNSEEN]


def _column(bodies: list[dict[str, Any]], key: str) -> np.ndarray:
    return np.array([float("nan") if body[key] is None else float(body[key]) for body in bodies])


def _figures(drift: Drift, level: float, width: float, bias_max: float) -> list[Figure]:
    lots, checks = f"{drift.n_lots} lots", f"{drift.checks} check samples of {drift.n_lots} lots"
    share = PERCENT * drift.covered / drift.checks if drift.checks else None
    covered = (PERCENT * drift.coverage_low, PERCENT * drift.coverage_high) if drift.checks else (None, None)
    wilson = f"{checks}, inside +-{width:.2f} % of label claim; Wilson's 95 % interval; nominal {PERCENT * level:g} %"
    over = "mean over lots, Student's 95 % interval"
    bias, balance, shadow = drift.check_bias, drift.balance_bias, drift.shadow
    return [
        Figure("coverage_checks", share, "%", wilson, *covered),
        Figure("bias_checks", bias.value, "% LC", f"{checks}; {over}; limit +-{bias_max:g}", *_interval(bias)),
        Figure("bias_mass_balance", balance.value, "% LC", f"NIR minus feeders, {lots}; {over}", *_interval(balance)),
        Figure("spectra_beyond_last_lot", PERCENT * drift.beyond[-1], "%", "T2 or Q above its limit, powder seen"),
        Figure("q_median", drift.q_median, "1", f"share of its limit, {lots}"),
        Figure("challenger_gap", shadow.value, "% LC", f"challenger minus champion, {shadow.n} lots", *_interval(shadow)),
    ]


def _interval(mean: Mean) -> tuple[float | None, float | None]:
    return (mean.low, mean.high) if mean.n > 1 else (None, None)
