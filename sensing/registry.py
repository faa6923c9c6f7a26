"""The registry of soft-sensor models: who registered, approved and retired which file, and which may be used today.

A journal of lines, each chained to the one before by SHA-256; a model's status is what the lines say of it. The registry
knows no disk: text in, text out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NoReturn

from line.canonical import canonical_json, content_hash
from line.errors import DataError
from sensing.model import SoftSensorModel

ACTIONS = ("register", "approve", "retire")
KEYS = {"action", "body", "by", "hash", "previous", "reason", "sha256", "utc"}
#: Characters of a hash that name a model, at least.
PREFIX_MIN = 8


class ModelStatus(StrEnum):
    """Life of a model. Only a person moves it on; its dates make an approved one effective and retire it."""

    DRAFT = "draft"
    APPROVED = "approved"
    EFFECTIVE = "effective"
    RETIRED = "retired"


@dataclass(frozen=True)
class RegisteredModel:
    """What the registry knows of one model file.

    sha256 of the model; id, version, instrument (serial number); hash of the calibration set; calibrated range [mass
    fraction]; RMSECV and half-width of the interval [mass fraction]; who registered and approved it; SHA-256 of the
    evidence that was approved; first and last day of validity; why it was retired (empty: it was not).
    """

    sha256: str
    id: str
    version: str
    instrument: str
    calibration_set_sha256: str
    derived_from: str
    range_low_w_w: float
    range_high_w_w: float
    rmsecv_w_w: float
    interval_half_width_w_w: float
    registered_by: str
    approved_by: str = ""
    evidence_sha256: str = ""
    valid_from: date | None = None
    valid_until: date | None = None
    retired: str = ""

    def status(self, today: date) -> ModelStatus:
        """Return the status on a day."""
        if self.retired:
            return ModelStatus.RETIRED
        if self.valid_from is None or self.valid_until is None:
            return ModelStatus.DRAFT
        if today < self.valid_from:
            return ModelStatus.APPROVED
        return ModelStatus.EFFECTIVE if today <= self.valid_until else ModelStatus.RETIRED

    def body(self, today: date) -> dict[str, Any]:
        """Return the JSON form with the status of a day."""
        days = {"valid_from": _day(self.valid_from), "valid_until": _day(self.valid_until)}
        return {**asdict(self), **days, "status": self.status(today).value}


def _day(value: date | None) -> str | None:
    return value.isoformat() if value is not None else None


class Registry:
    """The models of a journal. `lines` are its parsed lines; methods that add return (registry, line to append)."""

    def __init__(self, lines: Sequence[Mapping[str, Any]] = ()) -> None:
        self.lines = tuple(lines)
        self.models: dict[str, RegisteredModel] = {}
        for line in self.lines:
            self._take(line)

    def _take(self, line: Mapping[str, Any]) -> None:
        sha256, body = line["sha256"], line["body"]
        if line["action"] == "register":
            self.models[sha256] = RegisteredModel(sha256=sha256, registered_by=line["by"], **body)
            return
        model = self.models[sha256]
        if line["action"] == "approve":
            first, last = (date.fromisoformat(body[name]) for name in ("valid_from", "valid_until"))
            seen = body["evidence_sha256"]
            model = replace(model, approved_by=line["by"], evidence_sha256=seen, valid_from=first, valid_until=last)
        else:
            model = replace(model, retired=line["reason"])
        self.models[sha256] = model

    @property
    def head(self) -> str:
        """Hash of the last line, empty for an empty registry."""
        return str(self.lines[-1]["hash"]) if self.lines else ""

    def named(self, prefix: str) -> RegisteredModel:
        """Return the model whose hash begins with `prefix` (8 characters or more). Raises DataError."""
        found = [model for sha256, model in self.models.items() if sha256.startswith(prefix.lower())]
        if len(prefix) < PREFIX_MIN or len(found) != 1:
            _refuse(
                f"{len(found)} models begin with {prefix!r}",
                "Name one by 8 characters of its hash or more: kilter sensor list.",
            )
        return found[0]

    def register(self, model: SoftSensorModel, by: str, reason: str, utc: datetime) -> tuple[Registry, str]:
        """Add a model as draft. Raises DataError if it is there, or its id and version are for that instrument."""
        if model.hash in self.models:
            _refuse(f"model {model.hash[:12]} is registered", "Nothing to do.")
        name = (model.id, model.version, model.instrument)
        if any(name == (m.id, m.version, m.instrument) for m in self.models.values()):
            _refuse(
                f"version {model.version} of {model.id} is registered with another hash", "Give the new model a new version."
            )
        performance = model.performance
        body = {
            "id": model.id,
            "version": model.version,
            "instrument": model.instrument,
            "calibration_set_sha256": model.calibration_set_hash,
            "derived_from": model.derived_from,
            "range_low_w_w": model.range_low_w_w,
            "range_high_w_w": model.range_high_w_w,
            "rmsecv_w_w": performance.rmsecv_w_w,
            "interval_half_width_w_w": performance.interval_half_width_w_w,
        }
        return self._add("register", model.hash, body, by, reason, utc)

    def approve(
        self, sha256: str, valid_from: date, valid_until: date, evidence_sha256: str, by: str, reason: str, utc: datetime
    ) -> tuple[Registry, str]:
        """Approve a draft for the days valid_from..valid_until, both included.

        Raises DataError for another status, an approver who registered the model, a model that names no instrument, days
        the wrong way round or in the past, or days on which another model of its id is effective on its instrument.
        """
        model, today = self.models[sha256], utc.date()
        if model.status(today) is not ModelStatus.DRAFT:
            _refuse(f"model {sha256[:12]} is {model.status(today).value}, not draft", "Register a new version.")
        if by == model.registered_by:
            _refuse(f"{by} registered model {sha256[:12]} and may not approve it", "Ask a second person.")
        if not model.instrument:
            _refuse(f"model {sha256[:12]} names no instrument", "Calibrate with --instrument SERIAL.")
        if not max(today, valid_from) <= valid_until:
            _refuse(f"validity {valid_from}..{valid_until} is over or the wrong way round", "Give days to come.")
        self._alone(model, valid_from, valid_until)
        body = {"valid_from": _day(valid_from), "valid_until": _day(valid_until), "evidence_sha256": evidence_sha256}
        return self._add("approve", sha256, body, by, reason, utc)

    def _alone(self, model: RegisteredModel, first: date, last: date) -> None:
        """Refuse days on which another model of the same id is effective on the same instrument."""
        for other in self.models.values():
            if (other.id, other.instrument) != (model.id, model.instrument) or other.retired or other.valid_from is None:
                continue
            if other.valid_until is not None and other.valid_from <= last and first <= other.valid_until:
                days = f"{other.valid_from}..{other.valid_until}"
                _refuse(
                    f"model {other.sha256[:12]} is approved for {days} on the same instrument",
                    "Retire it first, or let this one begin after it.",
                )

    def retire(self, sha256: str, by: str, reason: str, utc: datetime) -> tuple[Registry, str]:
        """Retire a model for good. Raises DataError if it was."""
        if self.models[sha256].retired:
            _refuse(f"model {sha256[:12]} was retired: {self.models[sha256].retired}", "Nothing to do.")
        return self._add("retire", sha256, {}, by, reason, utc)

    def require_effective(self, model: SoftSensorModel, today: date) -> RegisteredModel:
        """Return what is known of a model that may be used for release today. Raises DataError if it may not."""
        found = self.models.get(model.hash)
        if found is None:
            _refuse(f"model {model.hash[:12]} is not registered", "Register and approve it: kilter sensor register, approve.")
        status = found.status(today)
        if status is not ModelStatus.EFFECTIVE:
            why = f" ({found.retired})" if found.retired else f", valid {found.valid_from}..{found.valid_until}"
            known = why if found.approved_by else ", never approved"
            _refuse(
                f"model {model.hash[:12]} is {status.value} on {today}{known}", "Use the effective one: kilter sensor list."
            )
        return found

    def _add(self, action: str, sha256: str, body: dict[str, Any], by: str, reason: str, utc: datetime) -> tuple[Registry, str]:
        if not by.strip() or not reason.strip():
            _refuse(f"{action} needs a person and a reason", "Say who and why.")
        if self.lines and utc.isoformat() < self.lines[-1]["utc"]:
            _refuse(f"the clock stands at {utc.isoformat()}, before the last line", "Set the clock.")
        line = {
            "action": action, "body": body, "by": by, "previous": self.head, "reason": reason, "sha256": sha256,
            "utc": utc.isoformat(),
        }  # fmt: skip
        line["hash"] = content_hash(line)
        return Registry((*self.lines, line)), canonical_json(line).decode("utf-8") + "\n"


def parse_registry(text: str) -> Registry:
    """Return the registry of a journal. Raises DataError if a byte of it was altered, or a line is missing or doubled."""
    lines: list[dict[str, Any]] = []
    for number, row in enumerate(text.splitlines(keepends=True), start=1):
        try:
            line = json.loads(row)
            whole = isinstance(line, dict) and set(line) == KEYS and canonical_json(line).decode("utf-8") + "\n" == row
            sealed = whole and content_hash({k: v for k, v in line.items() if k != "hash"}) == line["hash"]
        except ValueError:
            sealed = False
        if not sealed or line["previous"] != (lines[-1]["hash"] if lines else "") or line["action"] not in ACTIONS:
            _refuse(
                f"line {number} was altered, or a line before it is missing",
                "Restore the file; nothing may be used until then.",
            )
        lines.append(line)
    try:
        return Registry(lines)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError("the registry is of another form", where="registry of soft sensors", how_much=repr(error)) from error


def _refuse(what: str, what_now: str) -> NoReturn:
    raise DataError(what, where="registry of soft sensors", what_now=what_now)
