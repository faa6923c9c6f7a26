"""What the tidy tests look at: every file of the project that is, or could be, committed."""

from __future__ import annotations

import ast
import subprocess
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS: tuple[str, ...] = tuple(
    tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["root_packages"]
)


@dataclass(frozen=True)
class Source:
    """One Python file: its path from the root, its text, its syntax tree."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @property
    def room(self) -> str:
        """The top-level folder."""
        return self.path.partition("/")[0]

    @property
    def module(self) -> str:
        """The dotted name; a package goes by its own name."""
        return self.path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def committed() -> list[Path]:
    """Return files that git tracks or would add, ignored ones left out."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    return [path for path in (ROOT / name for name in sorted(set(done.stdout.split("\0"))) if name) if path.is_file()]


@pytest.fixture(scope="session")
def files() -> list[Path]:
    """Every file of the project."""
    return committed()


@pytest.fixture(scope="session")
def python_files(files: list[Path]) -> list[Source]:
    """Every Python file of the project, tests and scripts with it."""
    return [Source(str(p.relative_to(ROOT)), p.read_text(encoding="utf-8")) for p in files if p.suffix == ".py"]


@pytest.fixture(scope="session")
def sources(python_files: list[Source]) -> list[Source]:
    """The Python files of the rooms: what is shipped."""
    return [source for source in python_files if source.room in ROOMS]


@pytest.fixture(scope="session")
def rooms() -> tuple[str, ...]:
    """Our top-level packages."""
    return ROOMS
