"""The figures and pictures of `docs/soft-sensor.md`, from what a validation of a soft sensor found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hil.canvas import ESTIMATE, INK, LIMIT, MEASURED, TRUTH, canvas
from hil.figures import Figure
from hil.validation.report import figure_rows
from hil.validation.sensor import PERCENT, SensorValidation
from line.errors import DataError
from sensing.conformal import LEVEL

PAGE = "soft-sensor.md"
BEGIN, END = "<!-- written by kilter sensor validate: begin -->", "<!-- written by kilter sensor validate: end -->"
#: file name -> what it shows, for those who cannot see it
PLOTS = {
    "soft-sensor-content.svg": "Left: predicted against reference content, every batch predicted unseen; points lie along "
    "the line. Right: the tablets of the batch with the median rank correlation; points scatter, their order is not that of "
    "the contents.",
    "soft-sensor-intervals.svg": "Left: error of every tablet, batches in order of their mean error, with the half-width of "
    "the 90 % interval as dashed lines; some batches lie to one side. Right: coverage by four rules with intervals over "
    "batches, against the nominal 90 %.",
}
RULES = {
    "pooled": "pooled, calibration apart",
    "crossed": "pooled, left out in folds",
    "gaussian": "Gaussian",
    "guaranteed": "guaranteed for any batches",
}


def marked_page(folder: Path) -> tuple[str, str]:
    """Return what stands before and after the marks of the page. Raises DataError if it has none or cannot be read."""
    page = folder / PAGE
    try:
        before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    except OSError as error:
        raise _not_written(page, error) from error
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise DataError("the page has no marks to write between", where=str(page), what_now=f"Put {BEGIN} and {END} in it.")
    return before, after


def write_sensor_page(found: SensorValidation, figures: list[Figure], folder: Path) -> list[Path]:
    """Write the block between the marks of the page, and the plots; return the paths. Errors as of `marked_page`."""
    page, (before, after) = folder / PAGE, marked_page(folder)
    try:
        plots = _write_plots(found, folder / "images")
        page.write_text(f"{before}{BEGIN}\n{_block(figures)}{END}{after}", encoding="utf-8", newline="\n")
    except OSError as error:
        raise _not_written(folder, error) from error
    return [page, *plots]


def _not_written(path: Path, error: OSError) -> DataError:
    words = error.strerror or type(error).__name__
    return DataError("cannot be written", where=str(path), how_much=words, what_now="Name a folder with --docs.")


def _block(figures: list[Figure]) -> str:
    pictures = "\n\n".join(f"![{words}](images/{name})" for name, words in PLOTS.items())
    return f"\n{figure_rows(figures)}\n\n{pictures}\n\n"


def _write_plots(found: SensorValidation, folder: Path) -> list[Path]:
    from matplotlib.figure import Figure as Picture

    folder.mkdir(parents=True, exist_ok=True)
    with canvas("soft-sensor"):
        drawn = (_contents(Picture(figsize=(7.6, 3.6)), found), _coverage(Picture(figsize=(7.6, 3.6)), found))
        paths = [folder / name for name in PLOTS]
        for picture, path in zip(drawn, paths, strict=True):
            picture.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
            path.write_text("\n".join(line.rstrip() for line in path.read_text(encoding="utf-8").splitlines()) + "\n", "utf-8")
    return paths


def _contents(picture: Any, found: SensorValidation) -> Any:
    whole, batch = picture.subplots(1, 2)
    x, y = PERCENT * found.data.api_w_w, PERCENT * found.predictions
    number = _median_batch(found)
    inside = found.data.groups == number
    n, name = len(found.data.batch_names), found.data.batch_names[number]
    for axis, title in (
        (whole, f"{n} batches, each predicted unseen"),
        (batch, f"{inside.sum()} tablets of one batch ({name})"),
    ):
        axis.set(title=title, xlabel="reference [% w/w]", ylabel="predicted [% w/w]", aspect="equal")
    for axis, chosen, style in ((whole, slice(None), {"s": 6}), (batch, inside, {"s": 22, "marker": "D"})):
        low, high = min(x[chosen].min(), y[chosen].min()) - 0.1, max(x[chosen].max(), y[chosen].max()) + 0.1
        axis.plot([low, high], [low, high], color=MEASURED, linewidth=1, linestyle="--")
        axis.scatter(x[chosen], y[chosen], color=ESTIMATE if axis is whole else TRUTH, linewidths=0, **style)
    picture.tight_layout()
    return picture


def _median_batch(found: SensorValidation) -> int:
    """The batch whose rank correlation is the median one: neither the best nor the worst is shown."""
    from scipy.stats import spearmanr

    pairs = zip(found.by_batch(found.predictions), found.by_batch(found.data.api_w_w), strict=True)
    ranks = np.array([spearmanr(p, c).statistic if p.size > 2 and np.ptp(c) > 0 else np.inf for p, c in pairs])
    return int(np.argsort(ranks, kind="stable")[(np.isfinite(ranks).sum() - 1) // 2])


def _coverage(picture: Any, found: SensorValidation) -> Any:
    errors, rules = picture.subplots(1, 2, width_ratios=(3, 2))
    ordered = sorted(found.by_batch(found.errors), key=lambda e: float(e.mean()))
    for i, batch in enumerate(ordered):
        errors.plot(np.full(batch.size, i), PERCENT * batch, ".", color=ESTIMATE, markersize=3)
        errors.plot(i, PERCENT * batch.mean(), "_", color=INK, markersize=7)
    width = PERCENT * found.study.widths["crossed"]
    for value in (-width, width):
        errors.axhline(value, color=LIMIT, linestyle="--", linewidth=1)
    errors.set(title=f"errors by batch; dashed ±{width:.2f}", xlabel="batch, by its mean error (dash)", ylabel="error [% w/w]")
    names = list(RULES)
    for i, rule in enumerate(names):
        covered = found.study.coverage[rule]
        rules.plot([PERCENT * covered.low, PERCENT * covered.high], [i, i], "-", color=INK, linewidth=1.5)
        rules.plot(PERCENT * covered.share, i, "osD^"[i], color=ESTIMATE)
    rules.axvline(PERCENT * LEVEL, color=LIMIT, linestyle="--", linewidth=1)
    labels = [f"{RULES[rule]}\n±{PERCENT * found.study.widths[rule]:.2f} % w/w" for rule in names]
    rules.set_yticks(range(len(names)), labels, fontsize=8)
    rules.set(title="coverage; dashed: 90 %", xlabel="test tablets inside [%]", ylim=(len(names) - 0.5, -0.5))
    picture.tight_layout()
    return picture
