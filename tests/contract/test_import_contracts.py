"""Every import contract can fail: a copy of the project with one deliberate violation is reported, the copy without is not."""

from __future__ import annotations

import importlib
import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SETTINGS: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LINTER: dict[str, Any] = SETTINGS["tool"]["importlinter"]
ROOMS: list[str] = LINTER["root_packages"]
CONTRACTS: dict[str, dict[str, Any]] = {contract["id"]: contract for contract in LINTER["contracts"]}

# contract, module that gains an import, what it imports: one row for each way in which the contract can be broken
VIOLATIONS = [
    ("rooms", "line", "import kilter"),
    ("rooms", "line", "import sensing"),
    ("rooms", "flowsheet", "import sensing"),
    ("rooms", "flowsheet", "import apc"),
    ("rooms", "sensing", "import rtr"),
    ("rooms", "apc", "import rtr"),
    ("rooms", "rtr", "import apc"),
    ("rooms", "rtr", "import historian"),
    ("rooms", "gateway", "import plant_sim"),
    ("rooms", "historian", "import engine"),
    ("rooms", "engine", "import hil"),
    ("rooms", "hil", "import kilter"),
    ("independent-truth", "plant_sim", "import flowsheet"),
    ("independent-truth", "plant_sim", "import sensing"),
    *[("thinking-rooms", room, f"import {io}") for room in ("line", "flowsheet", "sensing", "apc", "rtr")
      for io in ("asyncua", "sqlite3", "socket")],
    *[("plain-release", floor, f"import {library}") for floor in ("rtr.statistics", "rtr.genealogy")
      for library in ("casadi", "sklearn")],
    ("release-floors", "rtr.statistics", "import rtr.genealogy"),
    ("release-floors", "rtr.statistics", "import rtr.disposition"),
    ("release-floors", "rtr.genealogy", "import rtr.disposition"),
    ("control-floors", "apc.numerics", "import apc.control"),
    ("control-floors", "apc.numerics", "import apc.estimation"),
    ("control-floors", "apc.control", "import apc.estimation"),
    ("control-floors", "apc.estimation", "import apc.control"),
    ("control-floors", "apc.estimation", "import apc.supervision"),
    ("control-floors", "apc.identification", "import apc.estimation"),
    ("control-floors", "apc.control", "import apc.identification"),
]  # fmt: skip

Report = Callable[[], tuple[int, dict[str, str]]]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A skeleton of the project: its settings and every package, each module with its own imports only."""
    folder = tmp_path_factory.mktemp("skeleton")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for room in ROOMS:
        for init in [ROOT / room / "__init__.py", *(ROOT / room).glob("*/__init__.py")]:
            target = folder / init.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text("", encoding="utf-8")
    yield folder
    shutil.rmtree(folder)


def lint(folder: Path) -> tuple[int, dict[str, str]]:
    """Return the exit code and KEPT or BROKEN for each contract by its name."""
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(folder)!r}); {program}"],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    verdicts = re.findall(r"^(.+?) (KEPT|BROKEN)$", done.stdout, flags=re.MULTILINE)
    return done.returncode, dict(verdicts)


def test_the_copy_without_a_violation_passes(copy: Path) -> None:
    code, verdicts = lint(copy)
    assert code == 0
    assert verdicts == {contract["name"]: "KEPT" for contract in CONTRACTS.values()}


def test_every_contract_has_a_violation_that_is_tried() -> None:
    assert {name for name, _, _ in VIOLATIONS} == set(CONTRACTS)


@pytest.mark.parametrize(
    ("contract", "module", "statement"), VIOLATIONS, ids=[f"{c}: {m} {s}" for c, m, s in VIOLATIONS]
)  # fmt: skip
def test_a_violation_is_reported(copy: Path, contract: str, module: str, statement: str) -> None:
    path = copy / module.replace(".", "/") / "__init__.py"
    path.write_text(f"{statement}\n", encoding="utf-8")
    try:
        code, verdicts = lint(copy)
    finally:
        path.write_text("", encoding="utf-8")
    assert code != 0
    assert verdicts[CONTRACTS[contract]["name"]] == "BROKEN"


def test_a_violation_through_a_third_module_is_reported(copy: Path) -> None:
    """Release statistics may not reach a solver by way of another module either."""
    statistics, genealogy = (copy / "rtr" / floor / "__init__.py" for floor in ("statistics", "genealogy"))
    statistics.write_text("", encoding="utf-8")
    helper = copy / "line/__init__.py"
    helper.write_text("import casadi\n", encoding="utf-8")
    genealogy.write_text("import line\n", encoding="utf-8")
    try:
        assert lint(copy)[1][CONTRACTS["plain-release"]["name"]] == "BROKEN"
    finally:
        helper.write_text("", encoding="utf-8")
        genealogy.write_text("", encoding="utf-8")


def placed() -> list[str]:
    return [room.strip() for layer in CONTRACTS["rooms"]["layers"] for room in layer.split("|")]


def test_every_top_level_package_is_placed() -> None:
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert sorted(placed()) == sorted(folders) == sorted(ROOMS)


def test_every_package_is_shipped_and_typed() -> None:
    assert SETTINGS["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ROOMS
    assert SETTINGS["tool"]["mypy"]["packages"] == ROOMS
    assert SETTINGS["tool"]["ruff"]["lint"]["isort"]["known-first-party"] == ROOMS


def test_no_other_distribution_owns_one_of_our_names() -> None:
    """Top-level names are shared by everything installed: a second `line` would shadow ours or be shadowed."""
    taken: dict[str, set[str]] = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        for file in distribution.files or []:
            top = file.parts[0].removesuffix(".py")
            if top in ROOMS and name != SETTINGS["project"]["name"]:
                taken.setdefault(top, set()).add(name)
    assert not taken


def test_each_room_is_imported_from_this_clone() -> None:
    for room in ROOMS:
        found = importlib.import_module(room)
        assert Path(found.__file__ or "").resolve().parent == ROOT / room
