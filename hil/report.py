"""The lot's report: one page that opens anywhere, without network or script, made again from the record at any time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from hil.kpis import TRUTH_FOLDER, Kpis, compute_kpis, divert_reasons
from hil.plots import Picture, draw_all
from hil.report_data import read_report_data
from hil.report_page import STYLE, page, table
from hil.truth import read_truth
from historian.queries import RecordReader
from historian.restatements import current_verdict, restatement_folders
from historian.store import write_error
from line.errors import RecordError
from line.recipe import Recipe

REPORT_FILE = "report.html"
MAX_ROWS = 400
MARKS = {"RELEASE_RECOMMENDED": "&#9675;", "HOLD": "&#9646;&#9646;", "REJECT_RECOMMENDED": "&#10005;"}
MEANING = {
    "RELEASE_RECOMMENDED": "Every rule of the recipe holds. A person with the right to sign decides.",
    "HOLD": "Something is not proven or must be looked at first. Nothing may leave until a person has decided.",
    "REJECT_RECOMMENDED": "An attribute failed. No other test may rescue it.",
}


def write_report(folder: Path, truth_folder: Path | None = None) -> Path:
    """Write `report.html` into a run folder from its record (and truth, if there is one); return its path.

    Equal records give equal pages, byte for byte. Raises RecordError or DataError if something cannot be read, or
    the page cannot be written; an older page stays then.
    """
    text = report_html(folder, truth_folder)
    path, draft = folder / REPORT_FILE, folder / (REPORT_FILE + ".new")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise write_error(path, error) from error
    return path


def report_html(folder: Path, truth_folder: Path | None = None) -> str:
    """Return the page of the lot in a run folder."""
    truth = read_truth(truth_folder or folder / TRUTH_FOLDER)
    kpis = compute_kpis(folder, truth_folder)
    with RecordReader(folder) as reader:
        if "recipe" not in reader.meta:
            raise RecordError(
                "the record names no recipe", where=str(reader.path), what_now="Only lots made by an engine have a report."
            )
        recipe = Recipe.model_validate(reader.meta["recipe"])
        data = read_report_data(reader, recipe, truth)
        sections = [
            _head(reader, recipe),
            _verdict(reader, kpis),
            _figures(kpis, truth is not None),
            _pictures(draw_all(data)),
            _diversions(data.parcels),
            _alarms(reader.alarms()),
            _events(reader.events()),
            _identity(reader, recipe),
        ]
        title = f"Lot {reader.opened.get('lot', folder.name)}"
    return page(title, STYLE, "\n".join(sections))


def clock_text(step: int) -> str:
    """Return a simulated second as h:mm:ss."""
    return f"{step // 3600}:{step % 3600 // 60:02d}:{step % 60:02d}"


def reasons_of(verdict: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (code, words) of a lot verdict's reasons."""
    return [(str(code), str(words)) for code, words in verdict.get("reasons", [])]


def _head(reader: RecordReader, recipe: Recipe) -> str:
    opened, meta = reader.opened, reader.meta
    scenario = meta.get("scenario", {})
    made = f"{recipe.product.name}, recipe {recipe.id} {recipe.version} ({recipe.status.value})"
    said = f"{made}, controller {meta.get('controller', '?')}"
    what = scenario.get("title", "") if isinstance(scenario, dict) else ""
    lines = [f"<h1>Lot {escape(str(opened.get('lot', reader.folder.name)))}</h1>", f"<p>{escape(said)}.</p>"]
    if what:
        lines.append(f"<p>{escape(str(what))}.</p>")
    if reader.status != "complete":
        why = f": {reader.reason}" if reader.reason else ""
        lines.append(f'<p class="notice"><strong>This record is {reader.status}</strong>{escape(why)}.</p>')
    return f"<header>{''.join(lines)}</header>"


def _verdict(reader: RecordReader, kpis: Kpis) -> str:
    verdict, restated = current_verdict(reader.folder), len(restatement_folders(reader.folder))
    if verdict is None:
        return '<section aria-labelledby="verdict"><h2 id="verdict">No verdict</h2><p>The lot was not judged.</p></section>'
    word = str(verdict["disposition"])
    items = "".join(f"<li><code>{escape(code)}</code> {escape(words)}</li>" for code, words in reasons_of(verdict))
    rows = dict(kpis.rows())
    tiles = ("mass in", "accepted", "diverted", "acceptance value (USP <905>)", "ledger residual (scales)")
    boxes = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(rows[name])}</dd></div>" for name in tiles)
    mark = f'<span aria-hidden="true">{MARKS.get(word, "")}</span>'
    since = f"<p>Restated {restated} times by late results; the first verdict stands in the record.</p>" if restated else ""
    return (
        f'<section class="verdict" aria-labelledby="verdict"><h2 id="verdict">{mark} '
        f"{escape(word.replace('_', ' '))}</h2><p>{escape(MEANING.get(word, ''))}</p>{since}"
        f"<h3>Reasons</h3><ul>{items or '<li>none recorded</li>'}</ul><dl>{boxes}</dl></section>"
    )


def _figures(kpis: Kpis, simulated: bool) -> str:
    rows = kpis.rows()
    measured = [row for row in rows if "(truth)" not in row[0]]
    true = [(name.replace(" (truth)", ""), value) for name, value in rows if "(truth)" in name]
    html = '<section aria-labelledby="figures"><h2 id="figures">Figures</h2><div class="columns">'
    html += table("From the record", ("figure", "value"), measured, numeric=(1,))
    if simulated:
        caption = "SIMULATION: from the truth of the simulated plant"
        html += f'<div class="simulation">{table(caption, ("figure", "value"), true, (1,))}</div>'
    return html + "</div></section>"


def _pictures(pictures: Iterable[Picture]) -> str:
    html = '<section aria-labelledby="pictures"><h2 id="pictures">Pictures</h2>'
    html += "<p>A hatched frame with the word SIMULATION holds what only a simulated plant can know.</p>"
    for picture in pictures:
        html += (
            f'<figure role="group" aria-label="{escape(picture.title)}"><h3>{escape(picture.title)}</h3>'
            f'<div class="plot">{picture.svg}</div><figcaption>{escape(picture.words)}</figcaption></figure>'
        )
    return html + "</section>"


def diversions(parcels: Sequence[Mapping[str, Any]]) -> list[tuple[int, int, str, float]]:
    """Return (first second, last second, reason, mass [kg]) of each run of diverted parcels with one reason."""
    runs: list[tuple[int, int, str, float]] = []
    for parcel, reason in zip(parcels, divert_reasons(parcels), strict=True):
        if not reason:
            continue
        step = int(parcel["step"])
        mass_kg = parcel["diverted"] * float(parcel["tablet_mass_mg"] or 0.0) * 1e-6
        if runs and runs[-1][2] == reason and runs[-1][1] >= step - 1:
            runs[-1] = (runs[-1][0], step, reason, runs[-1][3] + mass_kg)
        else:
            runs.append((step, step, reason, mass_kg))
    return runs


def _diversions(parcels: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (clock_text(first), clock_text(last), str(last - first + 1), reason, f"{mass_kg:.3f}")
        for first, last, reason, mass_kg in diversions(parcels)
    ]
    return _section("Diversions", ("from", "to", "seconds", "reason", "mass (kg)"), rows, (2, 4))


def _alarms(alarms: Sequence[tuple[int, Mapping[str, Any]]]) -> str:
    columns = ("time", "alarm", "priority", "state", "cause", "consequence", "action")
    rows = [
        (clock_text(s), b["id"], str(b["priority"]), b["state"], b["cause"], b["consequence"], b["action"]) for s, b in alarms
    ]
    return _section("Alarms", columns, rows, (2,))


def _events(events: Sequence[tuple[int, Mapping[str, Any]]]) -> str:
    rows = [(clock_text(s), b["reason"], b["regime"], f"{b['actor']} ({b['role']})", b["text"]) for s, b in events]
    return _section("Events", ("time", "reason", "regime", "who (role)", "what"), rows, ())


def _section(name: str, columns: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[int]) -> str:
    key = name.lower()
    html = f'<section aria-labelledby="{key}"><h2 id="{key}">{name}</h2>'
    if not rows:
        return f"{html}<p>None.</p></section>"
    shown = rows[:MAX_ROWS]
    caption = (
        f"{len(rows)} in all"
        if len(shown) == len(rows)
        else f"the first {MAX_ROWS} of {len(rows)}; all of them are in the record"
    )
    return f"{html}{table(caption, columns, shown, numeric)}</section>"


def _identity(reader: RecordReader, recipe: Recipe) -> str:
    meta, opened = reader.meta, reader.opened
    rows = [("content hash", reader.content_hash), ("record hash", reader.record_hash), ("recipe hash", recipe.hash)]
    rows += [(key.replace("_", " "), str(meta[key])) for key in sorted(meta) if key.endswith("_hash") and key != "recipe_hash"]
    rows += [("seed", str(meta.get("seed", "-"))), ("entries", str(reader.n_entries))]
    rows += [(key, str(opened.get(key, "-"))) for key in ("utc", "kilter", "python", "system")]
    html = '<section aria-labelledby="identity"><h2 id="identity">Identity and hashes</h2>'
    words = "Equal seed, configuration and code give an equal content hash; <code>kilter lot verify</code> proves the record."
    return f"{html}<p>{words}</p>{table('What this lot is', ('what', 'value'), rows, ())}</section>"
