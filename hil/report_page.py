"""The report's page around its sections: strict content policy, style, tables that a screen reader can read."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

#: No script, no network, nothing from outside; inline styles only (the pictures carry theirs on each element).
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #c8c9cb; color: #1c1d1f; font: 15px/1.45 "DejaVu Sans", Verdana, Arial, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 16px; }
h1 { font-size: 1.6em; margin: 0 0 4px; }
h2 { font-size: 1.2em; margin: 0 0 8px; }
h3 { font-size: 1em; margin: 0 0 4px; }
p { margin: 4px 0; max-width: 90ch; }
section, header { background: #d8d9db; padding: 14px 16px; margin: 0 0 12px; border: 1px solid #9a9ca0; }
.verdict { border: 3px solid #1c1d1f; }
.verdict h2 { font-size: 1.7em; }
.verdict ul { margin: 0 0 10px; padding-left: 20px; }
.notice { border-left: 6px solid #1c1d1f; padding-left: 10px; }
dl { display: flex; flex-wrap: wrap; gap: 8px; margin: 0; }
dl div { background: #e4e5e7; padding: 8px 12px; border: 1px solid #9a9ca0; }
dt { font-size: 0.85em; } dd { margin: 0; font-size: 1.25em; font-weight: bold; }
.columns { display: flex; flex-wrap: wrap; gap: 16px; align-items: flex-start; }
.columns > * { flex: 1 1 420px; }
.simulation { padding: 10px; background: #d8d9db; border: 10px solid transparent;
  border-image: repeating-linear-gradient(45deg, #8a4b08 0 2px, #d8d9db 2px 8px) 10; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; background: #e4e5e7; }
caption { text-align: left; font-weight: bold; padding: 0 0 6px; }
th, td { text-align: left; vertical-align: top; padding: 4px 8px; border-bottom: 1px solid #b0b2b6; overflow-wrap: anywhere; }
thead th { border-bottom: 2px solid #1c1d1f; }
thead th, tbody th { white-space: nowrap; overflow-wrap: normal; }
tbody th { font-weight: normal; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
code { font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: 0.92em; }
figure { margin: 0 0 14px; padding: 10px 12px; background: #e4e5e7; border: 1px solid #9a9ca0; }
figure svg { display: block; width: 100%; height: auto; }
figcaption { font-size: 0.9em; margin-top: 4px; }
a:focus-visible, .scroll:focus-visible { outline: 3px solid #1c1d1f; }
@media print { body, section, header, figure { background: #fff; } figure { break-inside: avoid; } }
"""


def page(title: str, style: str, body: str) -> str:
    """Return a whole page; `body` is HTML, `title` is text."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[int] = ()) -> str:
    """Return a table of text with headings for columns and rows; `numeric` columns are set to the right."""
    marks = [' class="number"' if number in numeric else "" for number in range(len(columns))]
    head = "".join(f'<th scope="col"{mark}>{escape(name)}</th>' for name, mark in zip(columns, marks, strict=True))
    lines = []
    for row in rows:
        first = f'<th scope="row"{marks[0]}>{escape(str(row[0]))}</th>'
        rest = "".join(f"<td{mark}>{escape(str(cell))}</td>" for cell, mark in zip(row[1:], marks[1:], strict=True))
        lines.append(f"<tr>{first}{rest}</tr>")
    title = escape(caption)
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{title}"><table><caption>{title}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )
