"""What every test shares: where the data sets are, and how chance is fixed."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]

# A shell starts background jobs with Ctrl-C ignored, and children inherit that: tests that interrupt would wait in vain.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Time must not leak in: no deadline, the same examples in every run, nothing stored between runs.
settings.register_profile(
    "kilter", deadline=None, derandomize=True, database=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("kilter")


def data_home() -> Path:
    """Return the folder of the data sets: KILTER_DATA, else ../shared/data beside the clone (it may not exist)."""
    return Path(os.environ.get("KILTER_DATA") or ROOT.parent / "shared" / "data")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The clone under test."""
    return ROOT


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The data sets; skips visibly where they are absent. Mark tests that use it with `data`."""
    home = data_home()
    if not home.is_dir():
        pytest.skip(f"data sets not found at {home}: set KILTER_DATA to their folder")
    return home


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where the data sets are present, a skipped `data` test is a failure: it would hide what it should show."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.get_closest_marker("data") and data_home().is_dir():
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: marked `data`, the data sets are at {data_home()}, and still it was skipped"
    return report
