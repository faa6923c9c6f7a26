"""From a lot's record to what identification works from: measurements only."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from apc.identification.recorded import SIGNALS, RecordedRun, Samples
from historian.frames import Frames
from historian.queries import RecordReader
from line.errors import RecordError
from sensing.verdict import SpectrumVerdict

#: Shortest run that says anything of a line whose material takes five minutes [s].
SHORTEST_S = 900


def recorded_run(folder: Path) -> RecordedRun:
    """Return the measurements of the lot in `folder`. Raises RecordError: unreadable, too short, tags missing."""
    with RecordReader(folder) as reader:
        frames = reader.frames()
        missing = [tag for tag in SIGNALS if tag not in reader.register.scalar_index]
        if missing:
            raise RecordError("the record lacks tags that identification needs", where=folder.name, how_much=", ".join(missing))
        if len(frames.steps) < SHORTEST_S:
            raise RecordError(
                "the run is too short to identify anything", where=folder.name, how_much=f"{len(frames.steps)} s",
                what_now=f"Name a run of at least {SHORTEST_S} s.",
            )  # fmt: skip
        spectra = [SpectrumVerdict.from_body(body) for _, body in reader.bodies("verdict")]
        return RecordedRun(
            name=folder.name,
            content_hash=reader.content_hash,
            seconds=frames.steps.astype(np.float64),
            signals={tag: frames.column(tag) for tag in SIGNALS},
            spectra=_spectra(spectra),
            tester=_results(frames, "Tester", ("WeightMean", "ThicknessMean", "HardnessMean")),
            assay=_results(frames, "Assay", ("PotencyMean",)),
        )


def _spectra(verdicts: list[SpectrumVerdict]) -> Samples:
    good = [v for v in verdicts if v.valid and math.isfinite(v.api_w_w)]
    seconds, shares = [float(v.step) for v in good], [[v.api_w_w] for v in good]
    return Samples(np.array(seconds), np.array(shares).reshape(len(good), 1))


def _results(frames: Frames, station: str, names: tuple[str, ...]) -> Samples:
    """Return one row for each sample number that is new, at the second at which it was pulled."""
    ident, pulled = frames.column(f"{station}/SampleId"), frames.column(f"{station}/PulledStep")
    known = np.flatnonzero(np.isfinite(ident) & np.isfinite(pulled))
    first = known[np.unique(ident[known], return_index=True)[1]] if known.size else known
    first = first[ident[first] > 0]
    values = [frames.column(f"{station}/{name}")[first] for name in names]
    return Samples(pulled[first], np.column_stack(values) if first.size else np.zeros((0, len(names))))
