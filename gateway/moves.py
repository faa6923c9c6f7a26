"""Set-points on their way to the plant: checked before, remembered while under way, compared with what came back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from line.errors import CommunicationError, Fault, KilterError
from line.samples import StepResult
from line.tags import Tag, TagRegister

#: A read-back counts as equal within this share of the tag's range.
READ_BACK_TOLERANCE = 1e-9


class MoveRefused(KilterError):
    """A set-point was refused before anything was written; `faults` names every one of them."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = tuple(faults)
        first = faults[0]
        more = f"{first.value}, one of {len(faults)}" if len(faults) > 1 else first.value
        super().__init__(first.remedy, where=first.key, how_much=more, what_now="Nothing was written.")


@dataclass(frozen=True)
class UnconfirmedWrite:
    """A set-point the plant did not take over: what was sent, what it shows instead (plant units), and why."""

    tag: str
    sent: float
    read_back: float
    status: str


class MoveQueue:
    """The move vector (m,) in register order, plant units, and the writes since the last exchange."""

    def __init__(self, register: TagRegister) -> None:
        self._register = register
        self._positions = np.array([register.scalar_index[i] for i in register.setpoint_ids], dtype=np.intp)
        self._span = np.array([register[i].high - register[i].low for i in register.setpoint_ids])
        self._vector: NDArray[np.float64] = np.full(len(register.setpoint_ids), np.nan)
        self._queued: dict[str, float] = {}
        self._unconfirmed: dict[str, UnconfirmedWrite] = {}

    def start(self, result: StepResult) -> None:
        """Begin from the set-points the plant shows, so that the first move is bumpless.

        Raises CommunicationError naming the first set-point whose read-back cannot be written.
        """
        shown = np.asarray(result.values, dtype=np.float64)[self._positions]
        for tag_id, value in zip(self._register.setpoint_ids, shown):
            text = _fault(self._register[tag_id], float(value))
            if text:
                raise CommunicationError(
                    f"the plant shows a set-point that {text}", where=tag_id, how_much=f"{value:g}", what_now="Check the plant."
                )
        self._vector, self._queued, self._unconfirmed = shown.copy(), {}, {}

    def queue(self, moves: Mapping[str, float]) -> None:
        """Check all moves, then queue all. Integer tags are rounded. Raises MoveRefused; then none is queued."""
        faults, checked = [], {}
        for tag_id, value in moves.items():
            tag = self._register.tags.get(tag_id)
            if tag is None or tag.access != "rw":
                faults.append(Fault("", tag_id, f"{value}", "is not a writable tag"))
                continue
            number = float(value)
            if tag.type == "Int64" and math.isfinite(number):
                number = float(round(number))
            text = _fault(tag, number)
            if text:
                faults.append(Fault("", tag_id, f"{number:g} {tag.unit}", text))
            checked[tag_id] = number
        if faults:
            raise MoveRefused(faults)
        self._queued.update(checked)

    def outgoing(self) -> tuple[NDArray[np.float64], dict[str, float]]:
        """Return the full move vector (m,) with the queued moves in it, and the queued moves alone."""
        vector = self._vector.copy()
        for tag_id, value in self._queued.items():
            vector[self._register.setpoint_index[tag_id]] = value
        return vector, dict(self._queued)

    def confirm(self, result: StepResult, refused: Mapping[str, str] | None = None) -> None:
        """Compare what was sent with what the plant shows; go on from what it shows.

        `refused` names writes the wire refused with their status. A value without a usable read-back is unconfirmed,
        and the value sent is kept.
        """
        vector, queued = self.outgoing()
        shown = np.asarray(result.values, dtype=np.float64)[self._positions]
        refused = refused or {}
        self._unconfirmed = {}
        with np.errstate(invalid="ignore"):
            equal = np.abs(shown - vector) <= READ_BACK_TOLERANCE * self._span
        for tag_id, sent in queued.items():
            i = self._register.setpoint_index[tag_id]
            if tag_id in refused or not equal[i]:
                status = refused.get(tag_id, "not taken over by the plant")
                self._unconfirmed[tag_id] = UnconfirmedWrite(tag_id, sent, float(shown[i]), status)
        usable = [not _fault(self._register[i], float(v)) for i, v in zip(self._register.setpoint_ids, shown)]
        self._vector = np.where(usable, shown, vector)
        self._queued = {}

    def unconfirmed(self) -> dict[str, UnconfirmedWrite]:
        """Return the writes of the last exchange that the plant did not take over, by tag id."""
        return dict(self._unconfirmed)


def _fault(tag: Tag, value: float) -> str:
    if not math.isfinite(value):
        return "is not finite"
    if not tag.low <= value <= tag.high:
        return f"is outside {tag.low:g}..{tag.high:g} {tag.unit}"
    return "is not whole" if tag.type == "Int64" and not value.is_integer() else ""
