"""Size, docstrings and use: one noun a file, short functions, every public thing explained, nothing left lying about."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_ROOM_DOCSTRING_LINES = 8
MIN_COPY_LINES = 6
#: What is over a limit today: it may shrink, not grow, and goes when it is no longer needed.
ALLOW: dict[str, dict[str, int]] = tomllib.loads((Path(__file__).parent / "allow.toml").read_text(encoding="utf-8"))
#: Modules that are started by name, not imported.
ENTRY_POINTS = {"kilter.main", "kilter.__main__"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, Function]]:
    """Yield each function with its dotted name inside the file, nested ones too."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function):
            yield prefix + node.name, node
        name = f"{prefix}{node.name}." if isinstance(node, Function | ast.ClassDef) else prefix
        yield from functions(node, name)


def length(function: Function) -> int:
    """Return the lines of a function without decorators and docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def judge(sizes: dict[str, int], limit: int, allowed: dict[str, int]) -> list[str]:
    """Return what is over its limit, and what in the allow-list is out of date."""
    found = [
        f"{name}: {n} lines, at most {allowed.get(name, limit)}" for name, n in sizes.items() if n > allowed.get(name, limit)
    ]
    for name, listed in allowed.items():
        n = sizes.get(name, 0)
        if n <= limit:
            found.append(f"{name}: {n} lines, no longer over {limit}: take it off tests/tidy/allow.toml")
        elif n < listed:
            found.append(f"{name}: has shrunk to {n} lines: write that into tests/tidy/allow.toml")
    return found


def test_files_are_short(python_files: list[Any]) -> None:
    sizes = {source.path: source.text.count("\n") for source in python_files}
    found = judge(sizes, MAX_FILE_LINES, ALLOW["file_lines"])
    assert not found, "\n".join(found)


def test_functions_are_short(python_files: list[Any]) -> None:
    sizes = {f"{s.path}:{name}": length(function) for s in python_files for name, function in functions(s.tree)}
    found = judge(sizes, MAX_FUNCTION_LINES, ALLOW["function_lines"])
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("n", "allowed", "words"),
    [
        (61, {}, "at most 60"),
        (70, {"f": 65}, "at most 65"),
        (60, {"f": 65}, "take it off"),
        (63, {"f": 65}, "has shrunk"),
        (60, {}, ""),
        (65, {"f": 65}, ""),
    ],
)
def test_the_ratchet_turns_one_way(n: int, allowed: dict[str, int], words: str) -> None:
    found = judge({"f": n}, 60, allowed)
    assert len(found) == bool(words) and words in "".join(found)


def test_an_entry_for_a_file_that_is_gone_is_out_of_date() -> None:
    assert judge({}, 60, {"gone": 80})


def body_of(function: Function) -> str:
    """Return a function's statements without docstring, as a form in which names and values count and layout does not."""
    statements = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return "\n".join(ast.dump(statement) for statement in statements)


def copies(functions_by_place: dict[str, Function]) -> list[str]:
    """Return places that hold the same function body of at least MIN_COPY_LINES lines."""
    places: dict[str, list[str]] = {}
    for place, function in functions_by_place.items():
        if length(function) > MIN_COPY_LINES:
            places.setdefault(body_of(function), []).append(place)
    return [" = ".join(same) for same in places.values() if len(same) > 1]


def test_nothing_is_written_twice(sources: list[Any]) -> None:
    found = copies({f"{s.path}:{name}": function for s in sources for name, function in functions(s.tree)})
    assert not found, "\n".join(found)


def test_a_copy_is_seen_through_layout_and_docstring() -> None:
    lines = "\n".join(f"    a{i} = {i}" for i in range(MIN_COPY_LINES))
    tree = ast.parse(f'def f():\n    """F."""\n{lines}\n\n\ndef g():\n{lines}\n\n\ndef h():\n{lines}\n    b = 1\n')
    assert copies(dict(functions(tree))) == ["f = g"]


def undocumented(tree: ast.Module) -> Iterator[str]:
    """Yield public classes, functions and methods without a docstring, and the module itself."""
    if tree.body and ast.get_docstring(tree) is None:
        yield "the module"
    for node in tree.body:
        yield from _undocumented(node, "")


def _undocumented(node: ast.stmt, prefix: str) -> Iterator[str]:
    if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_"):
        return
    if ast.get_docstring(node) is None and not _is_setter(node):
        yield f"{prefix}{node.name} (line {node.lineno})"
    if isinstance(node, ast.ClassDef):
        for child in node.body:
            yield from _undocumented(child, f"{prefix}{node.name}.")


def _is_setter(node: Function | ast.ClassDef) -> bool:
    marks = [mark.attr for mark in node.decorator_list if isinstance(mark, ast.Attribute)]
    return "setter" in marks or "overload" in marks


def test_everything_public_is_explained(sources: list[Any]) -> None:
    found = [f"{source.path}: {name}" for source in sources for name in undocumented(source.tree)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("text", ["x = 1", '"""M."""\ndef f(): ...', '"""M."""\nclass A:\n    """A."""\n    def g(self): ...'])
def test_a_missing_docstring_is_seen(text: str) -> None:
    assert list(undocumented(ast.parse(text)))


def test_each_room_says_what_it_knows_in_eight_lines(sources: list[Any], rooms: tuple[str, ...]) -> None:
    packages = [source for source in sources if source.path.endswith("/__init__.py")]
    assert {source.room for source in packages} == set(rooms)
    for source in packages:
        text = ast.get_docstring(source.tree)
        assert text, f"{source.path}: say what this room knows and what it must not know"
        assert len(text.splitlines()) <= MAX_ROOM_DOCSTRING_LINES, source.path


def imported(tree: ast.Module, known: set[str]) -> set[str]:
    """Return which of our modules a file imports."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found & known


def test_no_file_that_nobody_imports(sources: list[Any], python_files: list[Any]) -> None:
    known = {source.module for source in sources}
    users = [source for source in python_files if source.room != "tests"]
    used = {name for source in users for name in imported(source.tree, known) if name != source.module}
    idle = sorted(s.path for s in sources if not s.path.endswith("__init__.py") and s.module not in used | ENTRY_POINTS)
    assert not idle, "nobody imports:\n" + "\n".join(idle)


def test_each_equation_file_has_a_physics_test(sources: list[Any], python_files: list[Any]) -> None:
    equations = {s.module for s in sources if s.room == "flowsheet" and not s.path.endswith("__init__.py")}
    tests = [s for s in python_files if s.path.startswith(("tests/physics/", "tests/agreement/", "tests/unit/flowsheet/"))]
    tried = {name for source in tests for name in imported(source.tree, equations)}
    assert not equations - tried, "no physics test imports:\n" + "\n".join(sorted(equations - tried))
