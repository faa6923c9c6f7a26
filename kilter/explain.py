"""`kilter explain RUN --at 00:25:00`: what was moved then, why, within which limits, and what would be without the dearest."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from apc.supervision.limit_words import OUTPUT_WORDS
from engine.explanation import Explanation, explain
from historian.runs import run_folder
from kilter.runner import configured
from line.errors import ConfigurationError

_TIME = re.compile(r"(\d{1,3}):([0-5]\d):([0-5]\d)")


def explain_command(
    lot: Annotated[str, typer.Argument(help="Lot name, a folder below --runs.")],
    at: Annotated[str, typer.Option(help="Time since the run began, HH:MM:SS.")],
    runs: Annotated[Path, typer.Option(help="Folder that holds the lots.", envvar="KILTER_RUNS")] = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Say why the line was moved at one moment, from the record: wishes, binding limits, belief, the alternative."""
    seconds = seconds_of(at)
    found = explain(run_folder(runs, lot), configured().controller, seconds)
    if as_json:
        body = {"lot": lot, "at": at, **found.body()}
        sys.stdout.write(json.dumps(body, indent=2, allow_nan=False) + "\n")
        return
    sys.stdout.write("\n".join([f"{lot} at {at}", *lines(found)]) + "\n")


def seconds_of(at: str) -> int:
    """Return the second of `HH:MM:SS`. Raises ConfigurationError."""
    match = _TIME.fullmatch(at)
    if match is None:
        raise ConfigurationError(f"{at!r} is not a time", where="--at", what_now="Write HH:MM:SS, such as 00:25:00.")
    hours, minutes, seconds = (int(part) for part in match.groups())
    return 3600 * hours + 60 * minutes + seconds


def lines(found: Explanation) -> Iterator[str]:
    """Yield the explanation, line by line."""
    decision = found.decision
    applied = "applied" if decision["valid"] else "not applied"
    yield f"  decision of second {decision['step']}: {decision['status']} by rung {decision['rung']}, {applied}"
    if decision["text"]:
        yield f"  it said: {decision['text']}"
    yield "Moved"
    yield from _moves(found)
    yield "Limits that bind"
    yield from (f"  {limit['text']}" for limit in decision["limits"])
    if not decision["limits"]:
        yield "  none"
    yield "Believed"
    yield from (f"  {name} {_number(value)}" for name, value in decision["estimate"].items())
    if found.held:
        yield "Predicted (in 5 s, then every minute)"
        yield from _predicted(found.held, "if nothing moved")
        yield from _predicted(decision["plan"], "with the plan")
    yield "Without the dearest limit"
    yield from _without(found)


def _moves(found: Explanation) -> Iterator[str]:
    if found.why_not:
        yield from (f"  {tag} to {_number(value)}" for tag, value in found.decision["moves"].items())
        yield f"  why is not known: {found.why_not}"
        return
    for tag, pulls in found.pulls.items():
        asked = ", ".join(f"{_words(wish)} {value:+.3g}" for wish, value in sorted(pulls.items(), key=lambda p: -abs(p[1])))
        yield f"  {tag} {found.moves.get(tag, 0.0):+.4g}: {asked}"
    if not found.pulls:
        yield "  nothing worth a word: predictions are on their targets"


def _predicted(plan: Mapping[str, Any], words: str) -> Iterator[str]:
    for name, values in plan.items():
        yield f"  {_words(name)} {words}: {' '.join(_number(value) for value in values)}"


def _without(found: Explanation) -> Iterator[str]:
    other = found.alternative
    if other is None:
        yield f"  not asked again: {found.why_not}" if found.why_not else "  no hard limit binds: nothing would change"
        return
    yield f"  {other['limit']['text']}"
    yield f"  cost {other['cost']:.4g} -> {other['cost_without']:.4g}"
    for tag in other["differs"]:
        yield f"  {tag} would move {other['moves_without'][tag]:+.4g} instead of {other['moves'][tag]:+.4g}"
    yield f"  soft limits broken: {other['broken'] or 'none'} -> {other['broken_without'] or 'none'}"


def _words(name: str) -> str:
    return OUTPUT_WORDS.get(name, name)


def _number(value: Any) -> str:
    return "-" if value is None else f"{float(value):.5g}"
