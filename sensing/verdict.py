"""The verdict on one spectrum: a prediction and the right to believe it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from line.records import plain


class Validity(StrEnum):
    """VALID may be used for release. EXTRAPOLATION and OUT_OF_RANGE are alarms, never missing; the rest are missing."""

    VALID = "VALID"
    EXTRAPOLATION = "EXTRAPOLATION"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    INVALID_INSTRUMENT = "INVALID_INSTRUMENT"
    INVALID_PRESENTATION = "INVALID_PRESENTATION"
    INVALID_MODEL_SPACE = "INVALID_MODEL_SPACE"


def model_space(t2: float, t2_limit: float, q: float, q_limit: float) -> Validity:
    """Return INVALID_MODEL_SPACE for Q above its limit (new variation), else EXTRAPOLATION for T2 above its own, else VALID.

    Equality is inside. A number that is not finite is never VALID.
    """
    if not q <= q_limit:
        return Validity.INVALID_MODEL_SPACE
    return Validity.VALID if t2 <= t2_limit else Validity.EXTRAPOLATION


@dataclass(frozen=True)
class SpectrumVerdict:
    """What one spectrum says.

    `step` the second at which the material passed the probe (source time); `api_w_w` the predicted API mass fraction
    (NaN where INVALID_INSTRUMENT); `standard_error_w_w` of one prediction; T2 and Q with their limits; validity and a
    reason in words; identity of spectrum and model.
    """

    step: int
    spectrum_id: int
    api_w_w: float
    standard_error_w_w: float
    t2: float
    t2_limit: float
    q: float
    q_limit: float
    validity: Validity
    reason: str
    model_id: str
    model_hash: str

    @property
    def valid(self) -> bool:
        """True if release may use it."""
        return self.validity is Validity.VALID

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> SpectrumVerdict:
        """Return the verdict of a JSON form; null is NaN."""
        values: dict[str, Any] = {name: float("nan") if value is None else value for name, value in body.items()}
        values["validity"] = Validity(body["validity"])
        return cls(**values)

    def body(self) -> dict[str, Any]:
        """Return the JSON form."""
        return plain(asdict(self))
