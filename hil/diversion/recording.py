"""Lines in step, once: what release's functions say of each second, and what was really made and when it reached the gate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from engine.wiring import LineFiles
from hil.diversion.rows import Row, rows_of
from hil.truth_kpis import UNIT_LIMITS
from hil.validation.drive import Drive, LinePlan
from line.modes import LineState
from rtr.genealogy.follower import Follower
from rtr.genealogy.front import Front, hold_ups
from rtr.genealogy.parcel import ParcelBook
from rtr.genealogy.risk import Masses, risk_of
from rtr.genealogy.tablet_mass import MapState
from sensing.model import SoftSensorModel
from sensing.soft_sensor import SoftSensor
from sensing.verdict import SpectrumVerdict

#: Half seconds after the start of its second of pressing in which a tablet may reach the gate.
N_HALVES = 12
#: How a recording keeps what is not a flag.
TYPES: dict[str, type[np.generic]] = {
    "filed_pct": np.float32, "risk_tablet": np.float32, "risk_parcel": np.float32, "content_pct_lc": np.float32,
    "mass_kg": np.float32, "tablets": np.uint8, "out_of_limit": np.uint8,
}  # fmt: skip
Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Recording:
    """Each second (first axis) of each line (second axis).

    By release: `made` whether tablets were counted, `evidence_bad` evidence missing, roads apart or material held too
    long, `mass_bad` mass unknown or outside, `held` while the line is held; `booked` the window rule, `predicted` the
    prediction rule, `filed_pct` the potency that stands for the parcel (NaN: no evidence), `risk_tablet` and
    `risk_parcel` the two probabilities. By the plant: `content_pct_lc` true mean content of the tablets made (NaN: none),
    and by half second of arrival (third axis) how many `tablets` reached the gate, their mass [kg] and how many of them
    are out of limit.
    """

    made: Bools
    evidence_bad: Bools
    mass_bad: Bools
    held: Bools
    booked: Bools
    predicted: Bools
    filed_pct: Floats
    risk_tablet: Floats
    risk_parcel: Floats
    content_pct_lc: Floats
    tablets: NDArray[np.uint8]
    mass_kg: Floats
    out_of_limit: NDArray[np.uint8]

    @classmethod
    def joined(cls, parts: Sequence[Recording]) -> Recording:
        """Return recordings of the same seconds as one, lines side by side."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts], axis=1) for field in fields(cls)))


class _Judges:
    """Release for n lines in step: fronts a line, one follower for all."""

    def __init__(self, files: LineFiles, model: SoftSensorModel, n: int) -> None:
        # the window rule books ahead, so that the follower must know that it is asked for; the others are read off
        diversion = files.recipe.diversion.model_copy(update={"rule": "window"})
        self.recipe = files.recipe.model_copy(update={"diversion": diversion})
        self.sensor, self.model = SoftSensor(model), model
        self.sample_s = files.register["NIR/Spectrum"].sample_s
        self.fronts = [Front(self.recipe) for _ in range(n)]
        self.books = [ParcelBook() for _ in range(n)]
        self.logs: list[list[tuple[int, float]]] = [[] for _ in range(n)]
        self.follower: Follower | None = None

    def take(self, drive: Drive, rows: Sequence[Row]) -> dict[str, NDArray[np.generic]]:
        """Take one second of all lines; return the part of a recording that is release's."""
        if self.follower is None:
            holds = [hold_ups(row, self.recipe) for row in rows]
            self.follower = Follower(self.recipe, self.model.hash, self.sample_s, holds)
        follower, diversion = self.follower, self.recipe.diversion
        made = [book.count_made(row) for book, row in zip(self.books, rows, strict=True)]
        readings = [front.read(row, n, 1) for front, row, n in zip(self.fronts, rows, made, strict=True)]
        follower.advance(drive.second, readings, self._verdicts(drive))
        self._check_masses(rows, [reading.mass_mg for reading in readings])
        deviation = np.array([f.deviation_pct(r.mass_mg) for f, r in zip(self.fronts, readings, strict=True)])
        doubt = np.array([front.mass.doubt_pct for front in self.fronts])
        invalid = np.array([front.mass.state is MapState.INVALID for front in self.fronts])
        roads = follower.road_map.read(follower.line.die)
        risk = risk_of(roads, Masses(deviation, doubt, np.array([r.spread_pct for r in readings])), self.recipe)
        predicted = follower.road_map.predicted_outside(roads)
        flags = follower.road_map.flags(roads, predicted)
        windows = follower.windows
        size = np.abs(deviation) + doubt
        return {
            "made": np.array(made) > 0,
            "evidence_bad": flags.missing | flags.disagree | flags.held,
            "mass_bad": ~(size <= diversion.weight_divert_limit_pct) | invalid,
            "held": np.array([row.value("Sys/LineState") == LineState.HELD for row in rows]),
            "booked": windows.booked[0] if windows is not None else predicted,
            "predicted": predicted,
            "filed_pct": follower.road_map.filed(roads),
            "risk_tablet": risk.tablet,
            "risk_parcel": risk.parcel,
        }

    def _verdicts(self, drive: Drive) -> list[SpectrumVerdict | None]:
        scan = drive.lines.arrived
        if scan is None:
            return [None] * len(self.fronts)
        return [self.sensor.judge(s, step=scan.taken, spectrum_id=scan.number) for s in scan.spectra]

    def _check_masses(self, rows: Sequence[Row], masses: Sequence[float]) -> None:
        """Compare a new tester sample with what force said of the same tablets."""
        for front, book, log, row, mass in zip(self.fronts, self.books, self.logs, rows, masses, strict=True):
            log.append((book.counter, mass))
            sample = front.mass.new_sample(row)
            if sample is not None:
                edges = np.array([counter for counter, _ in log])
                first, last = np.searchsorted(edges, (sample[1], sample[2]))
                front.mass.check(sample, float(np.nanmean([m for _, m in log[first : last + 1]] or [np.nan])))


def record(
    files: LineFiles, model: SoftSensorModel, plans: Sequence[LinePlan], seconds: int, progress: Callable[[int], None]
) -> Recording:
    """Run lines in step for `seconds` under the vendor's loops; return their recording. progress(second)."""
    drive, judges = Drive(files, plans), _Judges(files, model, len(plans))
    label_kg = files.recipe.product.label_claim_mg * 1e-6
    parts: list[dict[str, NDArray[np.generic]]] = []
    for _ in range(seconds):
        drive.step()
        rows = rows_of(files.register, drive.lines.frame, drive.second)
        seen = judges.take(drive, rows) | _truth(drive, label_kg)
        parts.append({name: values.astype(TYPES.get(name, np.bool_)) for name, values in seen.items()})
        progress(drive.second)
    return Recording(**{name: np.array([part[name] for part in parts]) for name in parts[0]})


def _truth(drive: Drive, label_kg: float) -> dict[str, NDArray[np.generic]]:
    """Return what was made in this second, and when it reaches the gate."""
    tablets, n, second = drive.lines.tablets, drive.lines.n_lines, drive.second - 1
    if tablets is None:
        nothing = np.zeros((n, N_HALVES))
        return {"content_pct_lc": np.full(n, np.nan), "tablets": nothing, "mass_kg": nothing, "out_of_limit": nothing}
    slots = tablets.made.shape[1]
    arrival, moving = drive.lines.chute.newest(second)
    arrival, moving = arrival[:, :slots], moving[:, :slots] & tablets.made
    content = 100.0 * tablets.content_kg / label_kg
    half = np.clip(((arrival - second) * 2.0).astype(np.int64), 0, N_HALVES - 1)
    place = (half + N_HALVES * np.arange(n)[:, None])[moving]

    def by_arrival(weights: NDArray[np.generic]) -> NDArray[np.generic]:
        chosen = weights[moving].astype(np.float64)
        return np.bincount(place, chosen, minlength=n * N_HALVES).reshape(n, N_HALVES)

    wrong = (content < UNIT_LIMITS[0]) | (content > UNIT_LIMITS[1])
    total = np.where(tablets.made, content, 0.0).sum(axis=1)
    return {
        "content_pct_lc": np.where(tablets.count > 0, total / np.maximum(tablets.count, 1), np.nan),
        "tablets": by_arrival(tablets.made),
        "mass_kg": by_arrival(tablets.mass_kg),
        "out_of_limit": by_arrival(wrong),
    }
