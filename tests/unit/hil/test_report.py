"""The report: self-contained, accessible, the same bytes each time, and true to its record."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.canvas import ESTIMATE, GROUND, INK, LIMIT, MEASURED, RELEASE, TRUTH, thin
from hil.report import REPORT_FILE, clock_text, diversions, report_html, write_report
from hil.report_data import Series
from historian.record import Record
from line.clock import ManualClock
from line.errors import RecordError
from tests.record_bench import ROOT, SMALL
from tests.synthetic_lot import write_lot


@pytest.fixture(scope="module")
def lot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "lot"
    write_lot(folder, seconds=1300)
    return folder


@pytest.fixture(scope="module")
def html(lot: Path) -> str:
    return report_html(lot)


class Tree(HTMLParser):
    """Collects tags with their attributes, and fails on tags that do not match."""

    VOID = ("meta", "br", "link", "img", "use", "path", "rect", "circle")

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.seen if tag in tags]


@pytest.fixture(scope="module")
def tree(html: str) -> Tree:
    parser = Tree()
    parser.feed(html)
    assert parser.open == []
    return parser


def test_it_needs_no_network_and_no_script(html: str, tree: Tree) -> None:
    assert not tree.all("script", "iframe", "object", "embed", "link", "img", "base", "form")
    policy = tree.all("meta")[1]
    assert policy["http-equiv"] == "Content-Security-Policy" and (policy["content"] or "").startswith("default-src 'none'")
    addresses = set(re.findall(r"https?://[^\s\"'<)]+", html))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}, addresses
    assert not any(key.startswith("on") for _, attributes in tree.seen for key in attributes)
    assert all((a.get("xlink:href") or "#").startswith("#") for _, a in tree.seen)


def test_it_can_be_heard(tree: Tree, html: str) -> None:
    assert tree.all("html")[0]["lang"] == "en" and "<title>Lot lot</title>" in html
    levels = [int(tag[1]) for tag, _ in tree.seen if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    assert all(a.get("scope") in ("col", "row") for a in tree.all("th"))
    assert len(tree.all("caption")) == len(tree.all("table")) > 3
    figures = re.findall(r"<figcaption>(.*?)</figcaption>", html)
    assert len(figures) == len(tree.all("figure")) == len(tree.all("svg")) == 8 and all(len(words) > 10 for words in figures)
    assert all(a["aria-hidden"] == "true" for a in tree.all("svg"))
    ids = [a["id"] for _, a in tree.seen if a.get("id")]
    assert len(ids) == len(set(ids)), "an id stands twice"


def luminance(color: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_enough() -> None:
    """Text at least 4.5:1, lines at least 3:1 (WCAG 2.2, 1.4.3 and 1.4.11)."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    for ground in (GROUND, "#d8d9db", "#c8c9cb"):
        assert contrast(INK, ground) >= 4.5
    for color in (MEASURED, ESTIMATE, RELEASE, LIMIT):
        assert contrast(color, GROUND) >= 3.0
    assert contrast(TRUTH, GROUND) >= 4.5, "SIMULATION is written in it"


def test_it_says_what_the_record_says(html: str) -> None:
    first = html[: html.index('<h2 id="figures"')]
    assert "HOLD" in first and "R6_OPEN_EXCEPTION" in first and "alarm FLOW_API_LOW was not acknowledged" in first
    for words in ("POTENCY_OUTSIDE", "FLOW_API_LOW", "look for a bridge", "line started", "0:16:50", "content hash"):
        assert words in html
    assert html.count("SIMULATION") > 5


def test_text_of_the_record_cannot_become_markup(html: str) -> None:
    assert "refill of the API feeder &lt;b&gt;" in html and "feeder <b>" not in html


def test_without_truth_nothing_is_called_simulation_but_the_note(lot: Path, tmp_path: Path) -> None:
    page = report_html(lot, tmp_path)
    assert page.count("SIMULATION") == 1
    assert "in truth" not in page


def test_the_same_record_gives_the_same_bytes_in_another_process(lot: Path, html: str) -> None:
    program = (
        "import sys, pathlib; from hil.report import report_html; sys.stdout.write(report_html(pathlib.Path(sys.argv[1])))"
    )
    run = subprocess.run([sys.executable, "-c", program, str(lot)], capture_output=True, text=True, cwd=ROOT, check=True)
    assert run.stdout == html


def test_it_is_written_into_the_run_folder_and_again(lot: Path) -> None:
    path = write_report(lot)
    assert path == lot / REPORT_FILE and path.read_text(encoding="utf-8") == write_report(lot).read_text(encoding="utf-8")
    assert path.stat().st_size < 3_000_000 and not list(lot.glob("*.new"))


def test_an_unfinished_record_has_a_report_that_says_so(tmp_path: Path) -> None:
    record = write_lot(tmp_path / "lot", seconds=20, close=False, truth=False)
    record.close(False, "interrupted from the keyboard")
    page = report_html(tmp_path / "lot")
    assert "This record is incomplete" in page and "interrupted from the keyboard" in page


def test_a_record_without_a_recipe_has_no_report(tmp_path: Path) -> None:
    Record.create(tmp_path / "lot", {}, ManualClock(), register=SMALL).close(True)
    with pytest.raises(RecordError, match="names no recipe"):
        write_report(tmp_path / "lot")


def test_an_empty_lot_can_be_drawn(tmp_path: Path) -> None:
    write_lot(tmp_path / "lot", seconds=1, truth=False)
    assert "<h1>Lot lot</h1>" in report_html(tmp_path / "lot")


def test_plots_are_loaded_only_when_drawn() -> None:
    program = "import sys; import hil.report; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT).returncode == 0


def test_runs_of_diverted_parcels_are_joined() -> None:
    def parcel(step: int, reason: str, diverted: int) -> dict[str, object]:
        return {"step": step, "reason": reason, "diverted": diverted, "tablet_mass_mg": 200.0}

    parcels = [parcel(1, "START_UP", 10), parcel(2, "START_UP", 10), parcel(3, "CONFORMS", 0), parcel(4, "START_UP", 5)]
    runs = diversions(parcels)
    assert [run[:3] for run in runs] == [(1, 2, "START_UP"), (4, 4, "START_UP")]
    assert [run[3] for run in runs] == pytest.approx([0.004, 0.001])


def test_a_second_is_written_as_time() -> None:
    assert [clock_text(s) for s in (0, 59, 61, 3600, 45296)] == ["0:00:00", "0:00:59", "0:01:01", "1:00:00", "12:34:56"]


@given(st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), max_size=400))
def test_thinning_keeps_every_extreme_and_the_order(values: list[float]) -> None:
    series = Series(np.arange(len(values), dtype=np.float64), np.array(values, dtype=np.float64))
    kept = thin(series, 40)
    assert kept.value.size <= max(40, 3 * 20 + 2)
    assert np.all(np.diff(kept.second) > 0)
    finite = series.value[np.isfinite(series.value)]
    if finite.size:
        assert np.nanmin(kept.value) == finite.min() and np.nanmax(kept.value) == finite.max()
    assert np.isnan(kept.value).any() == np.isnan(series.value).any(), "a gap stays a gap"
