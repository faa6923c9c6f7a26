"""Mutation tests of `rtr/statistics`: each small change of the code must make a test fail. Run by `make mutants`, outside CI.

One mutant a process: the changed module is put in place before any test is imported. Changed are comparisons, arithmetic,
and/or/not, numbers, min/max, conditions; left alone are texts, annotations and what only words an error.
"""

from __future__ import annotations

import argparse
import ast
import io
import os
import signal
import sys
import types
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHARE_KILLED, TIMEOUT_S = 0.95, 120
TESTS = {
    "batch_inference": ["test_batch_inference.py"],
    "capability": ["test_tolerance_dissolution_capability.py"],
    "dissolution": ["test_tolerance_dissolution_capability.py"],
    "large_samples": ["test_large_samples.py"],
    "tolerance": ["test_tolerance_dissolution_capability.py"],
    "uniformity": ["test_uniformity.py"],
    "weight_variation": ["test_weight_variation.py"],
}
COMMON = ["test_statistics_borders.py", "test_statistics_examples.py", "test_calculator_faults.py"]
#: Stop at the first failure and leave out what a mutant does not need.
OPTIONS = ["-x", "-q", "--timeout=0", "--assert=plain", "--tb=no"]
OPTIONS += [word for name in ("xdist", "hypothesispytest", "logging", "capture") for word in ("-p", f"no:{name}")]
COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.Lt), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,), ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}  # fmt: skip
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult, ast.FloorDiv: ast.Div,
}  # fmt: skip
SWAPPED = {"min": "max", "max": "min", "all": "any", "any": "all", "floor": "ceil", "ceil": "floor"}


@dataclass(frozen=True)
class Mutant:
    """One change: module, line, what became of what, and the whole changed module."""

    module: str
    line: int
    words: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """Place and change in one line."""
        return f"rtr/statistics/{self.module}.py:{self.line} {self.words}"


def mutants(module: str) -> Iterator[Mutant]:
    """Yield every mutant of a module of rtr/statistics."""
    source = (ROOT / "rtr/statistics" / f"{module}.py").read_text(encoding="utf-8")
    count = len(list(_places(ast.parse(source))))
    for i in range(count):
        place = list(_places(ast.parse(source)))[i]
        for k in range(len(list(_changes(place)))):
            tree = ast.parse(source)
            node = list(_places(tree))[i]
            before = ast.unparse(node)
            list(_changes(node))[k]()
            yield Mutant(module, node.lineno, f"{before} -> {ast.unparse(node)}"[:120], ast.fix_missing_locations(tree))


def _places(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield the expressions that may be changed, outermost first."""
    for field, value in ast.iter_fields(tree):
        if field in ("annotation", "returns", "decorator_list"):
            continue
        for node in value if isinstance(value, list) else [value]:
            if not isinstance(node, ast.AST) or _only_words(node):
                continue
            if isinstance(node, ast.Compare | ast.BinOp | ast.BoolOp | ast.UnaryOp | ast.Constant | ast.Call | ast.IfExp):
                yield node
            yield from _places(node)


def _only_words(node: ast.AST) -> bool:
    error = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("DataError", "_n_not_defined")
    imports = isinstance(node, ast.Import | ast.ImportFrom)
    return (
        error or imports or isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
    )


def _changes(node: ast.expr):  # type: ignore[no-untyped-def]
    """Yield functions that change a node in place, one at a time."""
    if isinstance(node, ast.Compare):
        for i, op in enumerate(node.ops):
            for new in COMPARISONS[type(op)]:
                yield lambda i=i, new=new: node.ops.__setitem__(i, new())
    elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        yield lambda: setattr(node, "op", ARITHMETIC[type(node.op)]())
    elif isinstance(node, ast.BoolOp):
        yield lambda: setattr(node, "op", ast.And() if isinstance(node.op, ast.Or) else ast.Or())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield lambda: _without_sign(node)
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield lambda: setattr(node, "value", not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield lambda: setattr(node, "value", node.value + 1 if isinstance(node.value, int) else node.value * 1.02 + 1e-3)
    elif isinstance(node, ast.IfExp):
        yield lambda: setattr(node, "test", ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, ast.Call):
        yield from _swapped_call(node)


def _without_sign(node: ast.UnaryOp) -> None:
    """Take off a minus or a not."""
    if isinstance(node.op, ast.Not):
        node.operand = ast.UnaryOp(ast.Not(), node.operand)
    else:
        node.op = ast.UAdd()


def _swapped_call(node: ast.Call):  # type: ignore[no-untyped-def]
    name = node.func
    if isinstance(name, ast.Name) and name.id in SWAPPED:
        yield lambda: setattr(name, "id", SWAPPED[name.id])
    elif isinstance(name, ast.Attribute) and name.attr in SWAPPED:
        yield lambda: setattr(name, "attr", SWAPPED[name.attr])


def survives(mutant: Mutant | None, module: str) -> bool:
    """Return whether every test passes with the mutant (None: the code as it is) in a process of its own."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(TIMEOUT_S)
        os._exit(_tested(mutant, module))
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def _tested(mutant: Mutant | None, module: str) -> int:
    import pytest

    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        try:
            if mutant is not None:
                _put_in_place(mutant)
            files = [str(ROOT / "tests/unit/rtr" / name) for name in (*TESTS[module], *COMMON)]
            return int(pytest.main([*OPTIONS, "--rootdir", str(ROOT), *files]))
        except BaseException:  # noqa: BLE001 - a module that cannot be imported any more is a killed mutant
            return 1


def _put_in_place(mutant: Mutant) -> None:
    import rtr.statistics

    name = f"rtr.statistics.{mutant.module}"
    module = types.ModuleType(name)
    module.__file__ = str(ROOT / "rtr/statistics" / f"{mutant.module}.py")
    sys.modules[name] = module
    exec(compile(mutant.tree, module.__file__, "exec"), module.__dict__)  # noqa: S102 - that is what a mutant is
    setattr(rtr.statistics, mutant.module, module)


def main() -> int:
    """Run all mutants of the modules asked for; write the page of survivors; return 0 if enough were killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", default=sorted(TESTS), help="modules of rtr/statistics; all if left out")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--page", type=Path, help="write the result there, for example docs/mutants.md")
    asked = parser.parse_args()
    import pytest  # noqa: F401 - loaded once, before the processes part
    import scipy.stats  # noqa: F401

    sys.path.insert(0, str(ROOT))
    rows: list[tuple[str, int, list[Mutant]]] = []
    for module in asked.modules:
        if not survives(None, module):
            sys.stderr.write(f"{module}: its tests fail without any mutant\n")
            return 2
        every = list(mutants(module))
        with ThreadPoolExecutor(asked.jobs) as pool:
            alive = list(pool.map(survives, every, [module] * len(every)))
        rows.append((module, len(every), [m for m, lives in zip(every, alive, strict=True) if lives]))
        sys.stderr.write(f"{module}: {len(every) - len(rows[-1][2])} of {len(every)} killed\n")
    text = page(rows)
    sys.stdout.write(text)
    if asked.page:
        asked.page.write_text(text, encoding="utf-8")
    total, left = sum(n for _, n, _ in rows), sum(len(alive) for *_, alive in rows)
    return 0 if total - left >= SHARE_KILLED * total else 1


def page(rows: list[tuple[str, int, list[Mutant]]]) -> str:
    """Return the result as a page: share killed by module, every survivor by name."""
    total, left = sum(n for _, n, _ in rows), sum(len(alive) for *_, alive in rows)
    lines = [
        "# Mutation tests of `rtr/statistics`",
        "",
        "Written by `make mutants`: each line below is a change that no test noticed.",
    ]
    lines += ["", "| module | mutants | killed |", "|---|---|---|"]
    lines += [f"| {module} | {n} | {n - len(alive)} |" for module, n, alive in rows]
    lines += [f"| all | {total} | {total - left}, {100 * (total - left) / max(total, 1):.1f} % |", "", "## Survivors", ""]
    lines += [f"- `{m.name}`" for *_, alive in rows for m in alive] or ["none"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
