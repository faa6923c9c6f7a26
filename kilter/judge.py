"""`kilter release judge` and `sign-table`: the compendial tests on measured contents, and the licensed table they need."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.signed_table import read_signed_table, sign_table
from line.errors import DataError, RecordError
from line.written import Row, read_table
from rtr.statistics.batch_inference import lower_bound_plan_1, lower_bound_plan_2
from rtr.statistics.large_samples import alternative_1
from rtr.statistics.uniformity import N_STAGE_1, N_STAGE_2, Rounding, judge, mean_and_s

MAX_BYTES = 4 << 20
LOWER_BOUND, CONFIDENCE = 0.95, 0.90
UNIT = "% LC"


@dataclass(frozen=True)
class Finding:
    """One test: its name, whether it passes (None: it asks for more units), its terms."""

    test: str
    passes: bool | None
    words: str
    terms: dict[str, Any]


def judge_file(
    file: Annotated[Path, typer.Argument(help="CSV headed unit,value or place,unit,value; unit is % LC, one tablet a row.")],
    target: Annotated[float, typer.Option(help="Target content T, % LC.", min=85, max=115)] = 100.0,
    rounding: Annotated[
        str, typer.Option(help="Of AV before it is compared: compendial (one decimal) or none.")
    ] = "compendial",
    table: Annotated[Path | None, typer.Option(help="Signed table of Ph. Eur. 2.9.47, for 100 tablets or more.")] = None,
    signer: Annotated[Path | None, typer.Option(help="Public key (PEM) of the person who signed it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Judge measured contents of single tablets by every test that is defined for their number; exit 1 if one fails.

    10 or 30: USP <905> (the first ten are stage 1). With a column place, as many tablets in each: ASTM E2810 plan 2; without
    it, plan 1; 90 % confidence, bound 95 %. 100 or more, with a signed table: Ph. Eur. 2.9.47 alternative 1.
    """
    if rounding not in ("compendial", "none"):
        raise DataError("unknown rounding", where="--rounding", how_much=rounding, what_now="Use compendial or none.")
    if (table is None) != (signer is None):
        raise DataError(
            "table and signer belong together", where="--table, --signer", what_now="Give both: an unsigned table is not used."
        )
    rows = _rows(file)
    values = [row.number("value") for row in rows]
    found = _findings(rows, values, target, "compendial" if rounding == "compendial" else "none")
    if table is not None and signer is not None:
        found.append(_large(values, target, _text(table), _text(signer).encode()))
    if not found:
        raise DataError("no test is defined for so few tablets", where=str(file), how_much=f"{len(values)}")
    _show(found, as_json)
    raise typer.Exit(1 if any(f.passes is False for f in found) else 0)


def sign(
    file: Annotated[Path, typer.Argument(help="CSV headed n,k,c2: rows transcribed from the licensed text.")],
    key: Annotated[Path, typer.Option(help="Your Ed25519 private key, PEM (openssl genpkey -algorithm ed25519).")],
    by: Annotated[str, typer.Option(help="Who signs.")],
    source: Annotated[str, typer.Option(help="The text it was transcribed from, with its edition.")],
    out: Annotated[Path, typer.Option(help="Signed file to write.")],
) -> None:
    """Sign a transcribed table of Ph. Eur. 2.9.47, so that kilter release judge may use it."""
    rows = [(row.integer("n"), row.number("k"), row.integer("c2")) for row in _named(file, ("n", "k", "c2"))]
    text = sign_table(rows, source, by, _text(key).encode())
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RecordError("signed table not written", where=str(out), how_much=str(error)) from error
    sys.stdout.write(f"{out}: {len(rows)} rows, signed by {by}\n")


def _rows(file: Path) -> list[Row]:
    rows = _named(file, ("unit", "value"), ("place",))
    units = {row.cells["unit"] for row in rows}
    if units != {UNIT}:
        raise DataError(
            "contents in another unit, or in several",
            where=str(file),
            how_much=", ".join(sorted(units))[:80],
            what_now=f"Give {UNIT}.",
        )
    return rows


def _named(file: Path, columns: tuple[str, ...], optional: tuple[str, ...] = ()) -> list[Row]:
    try:
        return read_table(_text(file), columns, optional)
    except DataError as error:
        if error.where.startswith(str(file)):
            raise
        raise DataError(
            error.what, where=f"{file} {error.where}".strip(), how_much=error.how_much, what_now=error.what_now
        ) from error


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise DataError("file too large", where=str(file), what_now="At most 4 MiB.")
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError("file cannot be read", where=str(file), how_much=str(error)) from error


def _findings(rows: list[Row], values: list[float], target: float, rounding: Rounding) -> list[Finding]:
    found = []
    if len(values) in (N_STAGE_1, N_STAGE_2):
        result = judge(values[:N_STAGE_1], values[N_STAGE_1:] or None, target, rounding=rounding)
        word = result.verdict.value
        passes = None if word.startswith("CONTINUE") else word.startswith("PASS")
        words = f"{word}: AV {result.decisive.acceptance_value:.3f}, limit 15.0" + (": test 20 more" if passes is None else "")
        found.append(Finding("USP <905>", passes, words, {"verdict": word, **_finite(asdict(result.decisive))}))
    if "place" in rows[0].cells:
        found.append(_plan_2(rows, values, target))
    elif len(values) >= 3:
        bound = lower_bound_plan_1(*mean_and_s(values), len(values), CONFIDENCE, target)
        found.append(_bound("ASTM E2810 plan 1", bound, {"n": len(values)}))
    return found


def _plan_2(rows: list[Row], values: list[float], target: float) -> Finding:
    places: dict[str, list[float]] = {}
    for row, value in zip(rows, values, strict=True):
        places.setdefault(row.cells["place"], []).append(value)
    sizes = {len(units) for units in places.values()}
    if len(places) < 2 or len(sizes) != 1 or sizes == {1}:
        raise DataError(
            "plan 2 asks for as many tablets at each place",
            where="ASTM E2810",
            how_much=f"{len(places)} places of {sorted(sizes)} tablets",
            what_now="At least 2 places of 2 tablets; leave out the column place for plan 1.",
        )
    pieces = [mean_and_s(units) for units in places.values()]
    mean, sd_places = mean_and_s([m for m, _ in pieces])
    within = (sum(s * s for _, s in pieces) / len(pieces)) ** 0.5
    plan = lower_bound_plan_2(mean, sd_places, within, len(places), sizes.pop(), CONFIDENCE, target)
    return _bound("ASTM E2810 plan 2", plan.bound, {"places": len(places), "mean": mean, **asdict(plan)})


def _bound(test: str, bound: float, terms: dict[str, Any]) -> Finding:
    words = f"{100 * bound:.2f} % least probability of passing USP <905>, asked {100 * LOWER_BOUND:g} %"
    return Finding(test, bound >= LOWER_BOUND, words, {"bound": bound, **terms})


def _large(values: list[float], target: float, text: str, public_key: bytes) -> Finding:
    table = read_signed_table(text, public_key)
    result = alternative_1(values, table.row(len(values)), target)
    words = (
        f"AV {result.acceptance_value:.3f}, limit 15.0; {result.n_outside} units outside, at most {result.c2} ({table.source})"
    )
    return Finding("Ph. Eur. 2.9.47 alternative 1", result.ok, words, asdict(result))


def _finite(terms: dict[str, Any]) -> dict[str, Any]:
    return {key: None if isinstance(value, float) and value != value else value for key, value in terms.items()}


def _show(found: list[Finding], as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps({"tests": [asdict(f) for f in found]}, indent=2, allow_nan=False) + "\n")
        return
    for f in found:
        word = {True: "passes", False: "FAILS", None: "undecided"}[f.passes]
        sys.stdout.write(f"{f.test}: {word}: {f.words}\n")
