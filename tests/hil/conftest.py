"""One secrets folder and one served plant for all wire tests of a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.certificates import create_authority
from line.clock import SystemClock
from line.wire import WireMode
from tests.first_order_plant import FirstOrderPlant
from tests.wire_bench import Served, register, served


@pytest.fixture(scope="session")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A secrets folder made today."""
    folder = tmp_path_factory.mktemp("wire") / "secrets"
    create_authority(folder, SystemClock())
    return folder


@pytest.fixture(scope="session")
def plant_server(secrets: Path) -> Iterator[Served]:
    """A first-order plant served in LOCKSTEP, shared: tests must not rely on its second."""
    with served(secrets) as state:
        yield state


@pytest.fixture(scope="session")
def real_time_server(secrets: Path) -> Iterator[Served]:
    """A first-order plant served in REALTIME whose PLC keeps the fill depth, shared."""
    with served(secrets, WireMode.REALTIME, FirstOrderPlant(register(), refuses=("SP/FillDepth",))) as state:
        yield state
