"""The speed bench: what it judges by, and that a recorded shift is whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.wiring import LineFiles, load_files
from hil.plant_speed import Timing, _rates, record_shift, same_seed_figure, shift_figure
from hil.truth import read_truth
from historian.queries import RecordReader
from historian.verify import verify
from line.clock import SystemClock

CONFIGS = Path(__file__).resolve().parents[3] / "configs"


@pytest.fixture(scope="module")
def files() -> LineFiles:
    return load_files(CONFIGS)


def test_rates_are_medians_with_their_spread_and_judged_by_the_processor() -> None:
    timing = Timing((0.1, 0.2, 0.4, 0.5, 1.0), (1.0, 1.0, 2.0, 2.0, 4.0))
    judged, shown = _rates("x", "1/s", timing, 400.0, 900.0, "words")
    assert (judged.value, judged.low, judged.high) == (1000.0, 400.0, 4000.0) and judged.holds
    assert (shown.name, shown.value, shown.at_least) == ("x_wall", 200.0, None)
    assert not _rates("x", "1/s", timing, 400.0, 1100.0, "words")[0].holds


def test_bits_must_be_equal_in_every_process() -> None:
    assert same_seed_figure(["a", "a"]).holds
    assert not same_seed_figure(["a", "b"]).holds


def test_a_recorded_shift_holds_every_second_and_every_tablet(files: LineFiles, tmp_path: Path) -> None:
    record_shift(files, tmp_path, SystemClock(), 300)
    with RecordReader(tmp_path / "record") as reader:
        frames = reader.frames()
        made = frames.column("Press/TabletsMade")
    truth = read_truth(tmp_path / "truth")
    assert truth is not None
    assert np.array_equal(frames.steps, np.arange(1, 301))
    assert made[-1] == truth.counter.size > 1000
    assert verify(tmp_path / "record").holds


def test_a_short_shift_is_told_but_not_judged(files: LineFiles, tmp_path: Path) -> None:
    figure = shift_figure(files, tmp_path, SystemClock(), 0.01)
    assert figure.value and figure.at_most is None and figure.holds
