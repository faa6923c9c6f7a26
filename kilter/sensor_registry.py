"""`kilter sensor register|list|approve|retire`: the life of a model, as a folder of files and a journal."""

from __future__ import annotations

import getpass
import json
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from kilter import data_sets
from line.canonical import sha256_hex
from line.clock import SystemClock
from line.errors import DataError
from sensing.model import SoftSensorModel, load_model
from sensing.registry import RegisteredModel, Registry, parse_registry

JOURNAL = "registry.jsonl"
PERCENT = 100.0
Folder = Annotated[Path, typer.Option("--registry", help="Folder of the registry.", envvar="KILTER_SENSORS")]
Why = Annotated[str, typer.Option("--reason", help="Why; it is written into the registry.")]
Who = Annotated[str | None, typer.Option("--user", help="Who does it; your login name if left out.")]
Name = Annotated[str, typer.Argument(help="First characters of the model's hash, 8 or more.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


def read_registry(folder: Path) -> Registry:
    """Return the registry of a folder, empty if there is none. Raises DataError if its journal was altered."""
    path = folder / JOURNAL
    return parse_registry(data_sets.read_text(path)) if path.exists() else Registry()


def effective_model(path: Path, registry: Path) -> SoftSensorModel:
    """Return the model of a file that may be used for release today.

    Raises DataError for an altered file, and for a model that is not registered, not effective, or past its last day.
    """
    model = load_model(data_sets.read_text(path))
    read_registry(registry).require_effective(model, SystemClock().utc().date())
    return model


def register(
    model: Annotated[Path, typer.Argument(help="A model file made by kilter sensor calibrate.")],
    reason: Why,
    registry: Folder = Path("sensors"),
    user: Who = None,
) -> None:
    """Register a model file as draft; a copy of it stays in the registry's folder under its hash."""
    found = load_model(data_sets.read_text(model))
    known = read_registry(registry)
    _, line = known.register(found, user or getpass.getuser(), reason, SystemClock().utc())
    _write(registry / f"{found.hash}.json", found.to_text(), "w")
    _append(registry, line)
    sys.stdout.write(f"{found.hash}: {found.id} version {found.version} is draft\n")


def approve(
    model: Name,
    valid_from: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="First day of use.")],
    valid_until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Last day of use.")],
    evidence: Annotated[Path, typer.Option(help="What was looked at, as kilter sensor validate --json; its hash is kept.")],
    reason: Why,
    registry: Folder = Path("sensors"),
    user: Who = None,
) -> None:
    """Approve a draft: it is effective from its first to its last day. Who registered it may not approve it."""
    known = read_registry(registry)
    found = known.named(model)
    _unaltered(registry, found)
    seen = sha256_hex(data_sets.read_text(evidence).encode("utf-8"))
    days = valid_from.date(), valid_until.date()
    after, line = known.approve(found.sha256, *days, seen, user or getpass.getuser(), reason, SystemClock().utc())
    _append(registry, line)
    _say(after, found.sha256)


def retire(model: Name, reason: Why, registry: Folder = Path("sensors"), user: Who = None) -> None:
    """Retire a model for good: it may not be used for release again."""
    known = read_registry(registry)
    found = known.named(model)
    after, line = known.retire(found.sha256, user or getpass.getuser(), reason, SystemClock().utc())
    _append(registry, line)
    _say(after, found.sha256)


def list_(registry: Folder = Path("sensors"), as_json: AsJson = False) -> None:
    """List every model with its status today. An altered journal or model file is refused."""
    known, today = read_registry(registry), SystemClock().utc().date()
    for found in known.models.values():
        _unaltered(registry, found)
    if as_json:
        body = {"registry": str(registry), "head": known.head, "models": [m.body(today) for m in known.models.values()]}
        sys.stdout.write(json.dumps(body, indent=2, allow_nan=False) + "\n")
        return
    table = Table(title=f"Soft sensors in {registry}")
    for column in ("hash", "model", "instrument", "status", "valid", "range % w/w", "RMSECV", "approved by"):
        table.add_column(column, overflow="fold")
    for m in known.models.values():
        valid = f"{m.valid_from}..{m.valid_until}" if m.valid_from else "-"
        low, high = PERCENT * m.range_low_w_w, PERCENT * m.range_high_w_w
        table.add_row(
            m.sha256[:12], f"{m.id} {m.version}", m.instrument or "-", m.status(today).value, valid,
            f"{low:.2f}..{high:.2f}", f"{PERCENT * m.rmsecv_w_w:.3f}", m.approved_by or "-",
        )  # fmt: skip
    Console().print(table)


def _unaltered(folder: Path, found: RegisteredModel) -> None:
    """Refuse a stored model file that is not the one that was registered."""
    path = folder / f"{found.sha256}.json"
    if load_model(data_sets.read_text(path)).hash != found.sha256:
        raise DataError("this file holds another model", where=str(path), what_now="Restore the registered file.")


def _append(folder: Path, line: str) -> None:
    """Append a line. Two people at once both append: the chain then breaks and says so, nothing is lost in silence."""
    _write(folder / JOURNAL, line, "a")


def _write(path: Path, text: str, how: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(how, encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise DataError(
            f"cannot be written: {error.strerror}", where=str(path), what_now="Name a folder with --registry."
        ) from error


def _say(registry: Registry, sha256: str) -> None:
    found = registry.models[sha256]
    status = found.status(SystemClock().utc().date())
    sys.stdout.write(f"{sha256}: {found.id} version {found.version} is {status.value}\n")
