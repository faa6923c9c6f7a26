"""Habits that no shipped file may have. Each rule is tried on a line that breaks it and on one that does not."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

import pytest

Found = Iterator[tuple[int, str]]

#: The one file that may ask the machine for the time of day, and the one that imports a command when it is called.
EXEMPT = {"time_of_day": "line/clock.py", "late_import": "kilter/main.py"}
TIME_OF_DAY = {
    "time.time", "time.time_ns", "time.localtime", "time.gmtime", "datetime.datetime.now", "datetime.datetime.utcnow",
    "datetime.datetime.today", "datetime.date.today",
}  # fmt: skip
CODE_IN_DATA = {"pickle", "cPickle", "cloudpickle", "joblib", "dill", "shelve", "marshal", "runpy"}
LOADERS = {
    "yaml.load",
    "yaml.unsafe_load",
    "yaml.full_load",
    "importlib.import_module",
    "importlib.reload",
    "pkgutil.resolve_name",
}
SEEDED = {"default_rng", "Generator", "SeedSequence", "PCG64", "PCG64DXSM", "Philox", "BitGenerator"}
ROOMS = ("line", "flowsheet", "sensing", "apc", "rtr", "plant_sim", "gateway", "historian", "engine", "hil", "kilter")


def names(tree: ast.Module) -> dict[str, str]:
    """Return what each imported name stands for, as a dotted path."""
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                known[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            known.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    return known


def dotted(node: ast.expr, known: dict[str, str]) -> str:
    """Return the dotted path of an expression, '' if it is not a plain path."""
    if isinstance(node, ast.Name):
        return known.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        head = dotted(node.value, known)
        return f"{head}.{node.attr}" if head else ""
    return ""


def paths(tree: ast.Module) -> Iterator[tuple[ast.expr, str]]:
    known = names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            yield node, dotted(node, known)


def calls(tree: ast.Module) -> Iterator[tuple[ast.Call, str]]:
    known = names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node, dotted(node.func, known)


def bare_assert(tree: ast.Module) -> Found:
    yield from (
        (n.lineno, "assert vanishes under -O: raise one of line.errors") for n in ast.walk(tree) if isinstance(n, ast.Assert)
    )


def printing(tree: ast.Module) -> Found:
    yield from ((call.lineno, "print: hand text to the front door") for call, name in calls(tree) if name == "print")


def time_of_day(tree: ast.Module) -> Found:
    yield from ((node.lineno, f"{name}: take a WallClock as an argument") for node, name in paths(tree) if name in TIME_OF_DAY)


def unseeded_chance(tree: ast.Module) -> Found:
    for node, name in paths(tree):
        head, _, tail = name.rpartition(".")
        if head in ("numpy.random", "np.random") and tail not in SEEDED:
            yield node.lineno, f"{name}: take a seeded numpy Generator as an argument"
        if head == "random" and tail != "Random":
            yield node.lineno, f"{name}: take a seeded numpy Generator as an argument"
    for call, name in calls(tree):
        unseeded = not call.args and not call.keywords
        if unseeded and name in ("numpy.random.default_rng", "random.Random", "numpy.random.SeedSequence"):
            yield call.lineno, f"{name}() without a seed"


def swallowed_exception(tree: ast.Module) -> Found:
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            if node.type is None:
                yield node.lineno, "bare except: name what may happen"
            elif all(
                isinstance(s, ast.Pass) or (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)) for s in node.body
            ):
                yield node.lineno, "except without an answer: handle it, or contextlib.suppress the one expected error"
    for call, name in calls(tree):
        broad = [arg.id for arg in call.args if isinstance(arg, ast.Name) and arg.id in ("Exception", "BaseException")]
        if name == "contextlib.suppress" and broad:
            yield call.lineno, f"suppress({broad[0]}) swallows everything"


def code_in_data(tree: ast.Module) -> Found:
    for node in ast.walk(tree):
        modules = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        for module in modules:
            if module.partition(".")[0] in CODE_IN_DATA:
                yield node.lineno, f"{module} runs code found in data: store JSON"
    for call, name in calls(tree):
        if name in LOADERS | {"eval", "exec", "compile", "__import__", "builtins.eval", "builtins.exec"}:
            yield call.lineno, f"{name}: no code from strings"
        if any(
            k.arg == "allow_pickle" and not (isinstance(k.value, ast.Constant) and k.value.value is False)
            for k in call.keywords
        ):
            yield call.lineno, f"{name}(allow_pickle): store JSON or plain arrays"


def late_import(tree: ast.Module) -> Found:
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        for node in ast.walk(function):
            modules = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            if any(module.partition(".")[0] in ROOMS for module in modules) or (
                isinstance(node, ast.ImportFrom) and node.level
            ):
                yield node.lineno, f"late import of {', '.join(modules) or 'a sibling'}: import at the head of the file"


RULES: dict[str, Callable[[ast.Module], Found]] = {
    rule.__name__: rule
    for rule in (
        bare_assert, printing, time_of_day, unseeded_chance, swallowed_exception, code_in_data, late_import
    )
}  # fmt: skip

# rule, a text that breaks it
BROKEN = [
    ("bare_assert", "assert x > 0"),
    ("printing", "print('x')"),
    ("time_of_day", "import time\ntime.time()"),
    ("time_of_day", "from time import time as now\nnow()"),
    ("time_of_day", "import datetime as dt\ndt.datetime.now()"),
    ("time_of_day", "from datetime import datetime\ndatetime.now(tz=None)"),
    ("time_of_day", "from datetime import datetime\nclock = datetime.utcnow"),
    ("unseeded_chance", "import random\nrandom.random()"),
    ("unseeded_chance", "from random import choice\nchoice([1])"),
    ("unseeded_chance", "import numpy as np\nnp.random.normal()"),
    ("unseeded_chance", "import numpy as np\nnp.random.seed(1)"),
    ("unseeded_chance", "import numpy as np\nnp.random.default_rng()"),
    ("unseeded_chance", "from numpy.random import default_rng\ndefault_rng()"),
    ("swallowed_exception", "try:\n    f()\nexcept:\n    raise"),
    ("swallowed_exception", "try:\n    f()\nexcept ValueError:\n    pass"),
    ("swallowed_exception", "try:\n    f()\nexcept (ValueError, OSError):\n    ..."),
    ("swallowed_exception", "import contextlib\nwith contextlib.suppress(Exception):\n    f()"),
    ("code_in_data", "import pickle"),
    ("code_in_data", "from joblib import load"),
    ("code_in_data", "def f():\n    import dill"),
    ("code_in_data", "import shelve as s"),
    ("code_in_data", "eval('1')"),
    ("code_in_data", "exec('x = 1')"),
    ("code_in_data", "import yaml\nyaml.load(text)"),
    ("code_in_data", "import numpy as np\nnp.load(p, allow_pickle=True)"),
    ("code_in_data", "__import__('flowsheet')"),
    ("code_in_data", "import importlib\nimportlib.import_module('flowsheet')"),
    ("code_in_data", "from importlib import import_module\nimport_module('flowsheet')"),
    ("late_import", "def f():\n    import flowsheet"),
    ("late_import", "def f():\n    from apc.control import x"),
    ("late_import", "async def f():\n    from . import sibling"),
]
# what looks alike and is allowed
ALLOWED = [
    "if not x > 0:\n    raise ValueError",
    "import time\ntime.monotonic()",
    "from datetime import datetime\ndatetime.fromisoformat(text)",
    "import numpy as np\nrng = np.random.default_rng(seed)\nrng.normal()",
    "import numpy as np\ndef f(rng: np.random.Generator): ...",
    "import numpy as np\nnp.random.default_rng(np.random.SeedSequence(entropy=[1, 2]))",
    "try:\n    f()\nexcept ValueError as error:\n    raise KilterError('x') from error",
    "import contextlib\nwith contextlib.suppress(FileNotFoundError):\n    f()",
    "import numpy as np\nnp.load(p, allow_pickle=False)",
    "import casadi as ca\nca.evalf(x)\nmodel.eval()",
    "import re\nre.compile('x')",
    "from importlib import metadata, resources\nmetadata.version('kilter')",
    "def f():\n    import matplotlib",
    "from apc.control import x",
]


@pytest.mark.parametrize(("rule", "text"), BROKEN)
def test_a_rule_sees_what_breaks_it(rule: str, text: str) -> None:
    assert list(RULES[rule](ast.parse(text)))


@pytest.mark.parametrize("text", ALLOWED)
def test_no_rule_sees_what_is_allowed(text: str) -> None:
    assert not [found for rule in RULES.values() for found in rule(ast.parse(text))]


def test_every_rule_is_tried() -> None:
    assert {rule for rule, _ in BROKEN} == set(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_no_shipped_file_breaks(rule: str, sources: list[Any], rooms: tuple[str, ...]) -> None:
    assert rooms == ROOMS
    found = [
        f"{source.path}:{line} {words}"
        for source in sources
        if EXEMPT.get(rule) != source.path
        for line, words in RULES[rule](source.tree)
    ]
    assert not found, "\n".join(found)
