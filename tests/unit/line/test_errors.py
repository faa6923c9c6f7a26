"""Errors answer, in one line: what, where, how much, what now."""

from __future__ import annotations

import inspect

import pytest

import line.errors
from line.errors import ConfigurationFaults, Fault, KilterError

FAMILY = [c for _, c in inspect.getmembers(line.errors, inspect.isclass) if issubclass(c, Exception)]


def test_all_four_parts_stand_in_one_line() -> None:
    error = KilterError("force too high", where="Press/MainForceMean", how_much="12.4 kN against 12.0", what_now="Lower it.")
    assert str(error) == error.line() == "Press/MainForceMean: force too high (12.4 kN against 12.0). Lower it."


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        ({}, "lost"),
        ({"where": "link"}, "link: lost"),
        ({"how_much": "3 s"}, "lost (3 s)"),
        ({"what_now": "Wait."}, "lost. Wait."),
    ],
)
def test_empty_parts_are_left_out(parts: dict[str, str], line: str) -> None:
    assert KilterError("lost", **parts).line() == line


def test_a_message_of_many_lines_becomes_one() -> None:
    assert "\n" not in KilterError("a\nb", where="c\n", what_now="d\n\n e").line()


@pytest.mark.parametrize("kind", FAMILY, ids=lambda kind: kind.__name__)
def test_all_belong_to_one_family_and_end_a_command_with_two(kind: type[KilterError]) -> None:
    assert issubclass(kind, KilterError) and kind.exit_code == 2


def test_the_tree_groups_by_file_in_order_of_appearance() -> None:
    error = ConfigurationFaults([Fault("b", "k1", "1", "r1"), Fault("a", "k2", "2", "r2"), Fault("b", "k3", "3", "r3")])
    assert error.tree().splitlines() == ["b", "  k1 = 1", "      r1", "  k3 = 3", "      r3", "a", "  k2 = 2", "      r2"]
    assert error.line().startswith("3 faults in the configuration")


def test_one_fault_is_not_faults() -> None:
    assert ConfigurationFaults([Fault("a", "k", "1", "r")]).line().startswith("1 fault in")
