"""The report's pictures as SVG text, each with the words for a person who cannot see it. Same data, same bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hil.canvas import (
    ESTIMATE,
    INK,
    LIMIT,
    MEASURED,
    RELEASE,
    SETPOINT,
    TRUTH,
    canvas,
    dots,
    finish,
    frame_y,
    level,
    line,
    svg_of,
    time_figure,
)
from hil.report_data import ReportData, Series


@dataclass(frozen=True)
class Picture:
    """One figure of the report: heading, what a person who cannot see it must know, and its SVG."""

    title: str
    words: str
    svg: str


def draw_all(data: ReportData) -> list[Picture]:
    """Return every picture of a lot in the order of the report."""
    pictures: Sequence[tuple[str, Callable[[ReportData], str], Callable[[ReportData], str]]] = (
        ("Material: what became of every second", _ribbon_words, _ribbon),
        ("Potency", _potency_words, _potency),
        ("Tablet mass", _mass_words, _mass),
        ("Main force and main height", _press_words, _press),
        ("Hardness", _hardness_words, _hardness),
        ("Feeder mass flows", _feeder_words, _feeders),
        ("Hopper level and turret", _hopper_words, _hopper),
        ("Solve times", _solve_words, _solve_times),
    )
    drawn = []
    for title, words, draw in pictures:
        with canvas(title):
            drawn.append(Picture(title, words(data), draw(data)))
    return drawn


# -- material ----------------------------------------------------------------------------------------------------------

_STATES = (
    ("accepted", lambda p: p["accepted"] > 0 and p["diverted"] == 0, "#9fb0a3", ""),
    ("accepted and diverted", lambda p: p["accepted"] > 0 and p["diverted"] > 0, "#c9c2a4", "xx"),
    ("diverted, start-up, change or run-out", lambda p: p["accepted"] == 0 and p["quality"] == "CONFORM", "#f4f4f4", "//"),
    ("diverted, unverified", lambda p: p["accepted"] == 0 and p["quality"] == "UNVERIFIED", "#f4f4f4", "...."),
    ("diverted, nonconforming", lambda p: p["accepted"] == 0 and p["quality"] == "NONCONFORM", "#8d7f9a", "\\\\\\\\"),
)


def _spans(seconds: Sequence[int]) -> list[tuple[float, float]]:
    """Return (start, width) of runs of consecutive seconds."""
    spans: list[tuple[float, float]] = []
    for second in seconds:
        if spans and spans[-1][0] + spans[-1][1] == second - 1:
            spans[-1] = (spans[-1][0], spans[-1][1] + 1)
        else:
            spans.append((second - 1.0, 1.0))
    return spans


def _ribbon(data: ReportData) -> str:
    from matplotlib.patches import Patch

    figure, (axis,) = time_figure([1.5 if data.truth else 1.1], data.last_second)
    axis.grid(False)
    handles = []
    for name, chosen, color, hatch in _STATES:
        seconds = [int(p["step"]) for p in data.parcels if p["made"] and chosen(p)]
        if seconds:
            axis.broken_barh(_spans(seconds), (1.0, 0.8), facecolor=color, edgecolor=INK, hatch=hatch, linewidth=0.3)
            handles.append(
                Patch(facecolor=color, edgecolor=INK, hatch=hatch, label=f"{name} ({len(seconds)} s)", linewidth=0.5)
            )
    ticks, names = [1.4], ["gate"]
    if data.truth is not None:
        wrong = _nonconforming(data)
        if not wrong:
            axis.text(
                0.01, 0.2, "nothing made outside 90-110 % LC", transform=axis.transAxes, color=TRUTH, va="center", fontsize=8
            )
        else:
            axis.broken_barh(_spans(wrong), (0.1, 0.6), facecolor="#d9b48a", edgecolor=TRUTH, hatch="xxxx", linewidth=0.5)
            handles.append(
                Patch(
                    facecolor="#d9b48a", edgecolor=TRUTH, hatch="xxxx", label=f"outside 90-110 % LC in truth ({len(wrong)} s)"
                )
            )
        ticks, names = [0.4, 1.4], ["truth\n(SIMULATION)", "gate"]
    axis.set_yticks(ticks, names)
    axis.set_ylim(0 if data.truth is not None else 0.8, 2.0)
    if handles:
        axis.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, borderaxespad=0.2, handleheight=1.4)
    return svg_of(figure)


def _nonconforming(data: ReportData) -> list[int]:
    series = data.true_mean("content_pct_lc")
    return [int(s) for s, v in zip(series.second, series.value, strict=True) if v < 90 or v > 110]


def _ribbon_words(data: ReportData) -> str:
    made = [p for p in data.parcels if p["made"]]
    counts = [f"{name} {sum(1 for p in made if chosen(p))} s" for name, chosen, _, _ in _STATES]
    truth = f" In the plant's truth {len(_nonconforming(data))} s are outside 90-110 % LC." if data.truth else ""
    return f"Seconds of production by what became of the tablets: {', '.join(counts)}.{truth}"


# -- quality -----------------------------------------------------------------------------------------------------------


def _range_words(name: str, unit: str, series: Series) -> str:
    usable = series.value[np.isfinite(series.value)]
    if not usable.size:
        return f"{name}: none."
    return f"{name} {usable.min():.2f} to {usable.max():.2f} {unit}, mean {usable.mean():.2f}."


def _potency(data: ReportData) -> str:
    figure, (axis,) = time_figure([3.4], data.last_second)
    truth, release = data.true_mean("content_pct_lc"), data.parcel("potency_pct_lc")
    target, limits = data.recipe.product.target_pct_lc, data.recipe.diversion
    dots(axis, data.near_infrared(True), "NIR, valid", MEASURED, ".", 3)
    dots(axis, data.near_infrared(False), "NIR, not valid", MEASURED, "x", 4)
    line(axis, truth, "truth, tablet content", TRUTH, "-", 1.0)
    line(axis, data.while_made(data.estimate("potency_tablet_pct_lc")), "controller's estimate", ESTIMATE)
    line(axis, release, "release's prediction", RELEASE, "-.", 1.2)
    dots(axis, data.samples("Assay", "PotencyMean"), "assay", INK, "D", 6, filled=False)
    level(axis, target, "target")
    for sign in (-1, 1):
        level(axis, target + sign * limits.action_limit_pct, "action limit" if sign > 0 else "_", ":", LIMIT)
        level(axis, target + sign * limits.divert_limit_pct, "divert limit" if sign > 0 else "_", "-", LIMIT)
    frame_y(axis, target, limits.divert_limit_pct * 1.2, truth, release)
    finish(axis, "% of label claim", data.truth is not None, 5)
    return svg_of(figure)


def _potency_words(data: ReportData) -> str:
    return " ".join(
        (
            _range_words("NIR at the blender's exit", "% LC", data.near_infrared(True)),
            _range_words("Release's prediction", "% LC", data.parcel("potency_pct_lc")),
            _range_words("Truth (SIMULATION)", "% LC", data.true_mean("content_pct_lc")) if data.truth else "",
        )
    ).strip()


def _mass(data: ReportData) -> str:
    figure, (axis,) = time_figure([2.6], data.last_second)
    truth, release = data.true_mean("mass_mg"), data.parcel("tablet_mass_mg")
    target = data.recipe.product.tablet_mass_mg
    limit = target * data.recipe.diversion.weight_divert_limit_pct / 100
    line(axis, truth, "truth, mean of each second", TRUTH, "-", 1.0)
    line(axis, data.while_made(data.estimate("weight_mg")), "controller's estimate", ESTIMATE)
    line(axis, release, "release's prediction", RELEASE, "-.")
    dots(axis, data.samples("Tester", "WeightMean"), "tester", INK, "s", 5, filled=False)
    level(axis, target, "target")
    for sign in (-1, 1):
        level(axis, target + sign * limit, "divert limit" if sign > 0 else "_", "-", LIMIT)
    frame_y(axis, target, limit * 1.2, truth, release)
    finish(axis, "tablet mass (mg)", data.truth is not None, 6)
    return svg_of(figure)


def _mass_words(data: ReportData) -> str:
    truth = _range_words("Truth (SIMULATION)", "mg", data.true_mean("mass_mg")) if data.truth else ""
    return f"{_range_words('Release prediction of tablet mass', 'mg', data.parcel('tablet_mass_mg'))} {truth}".strip()


def _hardness(data: ReportData) -> str:
    figure, (axis,) = time_figure([2.2], data.last_second)
    rules, target = data.recipe.rules, data.recipe.product.hardness_target_n
    truth = data.true_series("hardness_mean_n")
    line(axis, truth, "truth", TRUTH, "-", 1.0)
    line(axis, data.while_made(data.estimate("hardness_n")), "controller's estimate", ESTIMATE)
    dots(axis, data.samples("Tester", "HardnessMean"), "tester", INK, "s", 5, filled=False)
    level(axis, target, "target")
    level(axis, rules.hardness_low_n, "limit", "-", LIMIT)
    level(axis, rules.hardness_high_n, "_", "-", LIMIT)
    frame_y(axis, target, 0.55 * (rules.hardness_high_n - rules.hardness_low_n), truth)
    finish(axis, "hardness (N)", not truth.empty, 5)
    return svg_of(figure)


def _hardness_words(data: ReportData) -> str:
    return _range_words("Tester hardness", "N", data.samples("Tester", "HardnessMean"))


# -- line --------------------------------------------------------------------------------------------------------------


def _press(data: ReportData) -> str:
    figure, (force, height) = time_figure([2.0, 1.3], data.last_second)
    measured, setpoint = data.tag("Press/MainForceMean"), data.tag("Press/MainForceSetpoint")
    line(force, measured, "measurement", MEASURED, "-", 1.0)
    line(force, setpoint, "set-point", SETPOINT, "--", steps=True)
    centre = data.recipe.setpoints.get("SP/MainForce", data.recipe.weight_map.force_kn)
    pressing = measured.value > centre / 2
    frame_y(force, centre, 0.8, Series(measured.second[pressing], measured.value[pressing]), setpoint)
    finish(force, "main force (kN)", False)
    line(height, data.tag("Press/MainHeight"), "measurement", MEASURED, "-", 1.0)
    line(height, data.tag("SP/MainHeight"), "set-point", SETPOINT, "--", steps=True)
    finish(height, "main height (mm)", False)
    return svg_of(figure)


def _press_words(data: ReportData) -> str:
    force = _range_words("Main force", "kN", data.tag("Press/MainForceMean"))
    return f"{force} {_range_words('Main height', 'mm', data.tag('Press/MainHeight'))}"


def _feeders(data: ReportData) -> str:
    parts = data.recipe.product.components
    figure, axes = time_figure([1.25] * len(parts), data.last_second)
    for axis, part in zip(axes, parts, strict=True):
        measured, setpoint = data.tag(f"Feeder{part.feeder}/MassFlow"), data.tag(f"Feeder{part.feeder}/Setpoint")
        line(axis, measured, "measurement by its scale", MEASURED, "-", 0.8)
        line(axis, data.true_series(f"mass_flow_{part.name}_kg_per_s", 3600.0), "truth", TRUTH, "-", 0.9)
        line(axis, setpoint, "set-point", SETPOINT, "--", steps=True)
        top = np.nanmax(setpoint.value) if not setpoint.empty else 1.0
        axis.set_ylim(0, max(1.35 * float(top), 1e-3))
        refill = _spans([int(s) for s, m in zip(data.frames.steps, data.tag(f"Feeder{part.feeder}/Mode").value) if m == 2])
        for number, (start, width) in enumerate(refill):
            label = "refill" if number == 0 else "_"
            axis.axvspan(start, start + width, facecolor="none", edgecolor=MEASURED, hatch="////", linewidth=0, label=label)
        simulated = not data.true_series(f"mass_flow_{part.name}_kg_per_s", 3600.0).empty
        finish(axis, f"{part.name}\n(kg/h)", simulated)
        if part is not parts[0] and axis.get_legend() is not None:
            axis.get_legend().remove()
    return svg_of(figure)


def _feeder_words(data: ReportData) -> str:
    return " ".join(
        _range_words(part.name, "kg/h", data.tag(f"Feeder{part.feeder}/MassFlow")) for part in data.recipe.product.components
    )


def _hopper(data: ReportData) -> str:
    figure, (hopper, turret) = time_figure([1.6, 1.2], data.last_second)
    line(hopper, data.tag("Hopper/Level"), "measurement", MEASURED, "-", 1.0)
    line(hopper, data.estimate("level_hopper_kg"), "controller's estimate", ESTIMATE)
    line(hopper, data.tag("SP/HopperLevel"), "set-point", SETPOINT, "--", steps=True)
    finish(hopper, "hopper (kg)", False)
    line(turret, data.tag("Press/TurretSpeed"), "measurement", MEASURED, "-", 1.0)
    finish(turret, "turret (rpm)", False)
    return svg_of(figure)


def _hopper_words(data: ReportData) -> str:
    turret = _range_words("Turret", "rpm", data.tag("Press/TurretSpeed"))
    return f"{_range_words('Hopper level', 'kg', data.tag('Hopper/Level'))} {turret}"


# -- computing ---------------------------------------------------------------------------------------------------------


def _solve_ms(data: ReportData) -> Any:
    return np.array([body["solve_ms"] for _, body in data.timing if body.get("solve_ms") is not None], dtype=np.float64)


def _solve_times(data: ReportData) -> str:
    figure, (axis,) = time_figure([1.9], None)
    times = _solve_ms(data)
    if times.size:
        axis.hist(times, bins=40, color="#a9adb3", edgecolor=INK, linewidth=0.4)
        for share, style in ((0.5, "--"), (0.99, ":")):
            value = float(np.quantile(times, share))
            axis.axvline(value, color=INK, linestyle=style, linewidth=1.2, label=f"{share:.0%} of solves within {value:.1f} ms")
    axis.set_xlabel("time of one decision (ms, wall clock)")
    finish(axis, "decisions", False)
    return svg_of(figure)


def _solve_words(data: ReportData) -> str:
    return _range_words("Wall time of one decision", "ms", Series(np.empty(0), _solve_ms(data)))
