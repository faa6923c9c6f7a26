"""What a wheel carries: every room, and the configuration, so that the package works from an empty folder."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The files of a wheel that is built here, without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_every_room_is_in_the_wheel_and_nothing_of_the_tests(names: set[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    rooms = set(project["tool"]["importlinter"]["root_packages"])
    tops = {name.partition("/")[0] for name in names}
    assert tops - rooms == {next(top for top in tops if top.endswith(".dist-info"))}
    for room in rooms:
        wanted = {str(path.relative_to(ROOT)) for path in (ROOT / room).rglob("*.py")}
        assert wanted <= names, sorted(wanted - names)[:5]


def test_the_configuration_is_in_the_wheel(names: set[str]) -> None:
    for path in (ROOT / "configs").rglob("*"):
        if path.is_file():
            assert f"kilter/_configs/{path.relative_to(ROOT / 'configs')}" in names, path
