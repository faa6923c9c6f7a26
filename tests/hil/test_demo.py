"""The command line with sockets and processes: a demo, its twin in one process, and every way it may end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from historian.queries import RecordReader
from historian.verify import verify
from line.errors import RecordError

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "KILTER_CONFIGS": str(ROOT / "configs"), "PYTHONPATH": str(ROOT)}
MINUTES = "5"
LIMIT_S = 120


def kilter(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kilter", *arguments]
    return subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=LIMIT_S, check=False)


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "kilter", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, text=True, **pipes)  # type: ignore[call-overload,no-any-return]


def until(condition: Any, what: str) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.1)


def seconds_recorded(folder: Path) -> int:
    if not (folder / "record.db").is_file():
        return 0
    try:
        with RecordReader(folder) as reader:
            return reader.last_step
    except RecordError:
        return 0  # the file is there, its tables are not yet


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def demo(home: Path) -> dict[str, Any]:
    done = kilter(home, "demo", "--minutes", MINUTES, "--json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.hil
def test_a_demo_writes_a_verdict_a_record_and_a_report_without_network(home: Path, demo: dict[str, Any]) -> None:
    folder = home / "runs" / demo["lot"]
    assert demo["disposition"] == "HOLD"
    assert "R3_EVIDENCE_MISSING" in {reason["code"] for reason in demo["reasons"]}
    assert verify(folder).holds
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page


@pytest.mark.hil
def test_one_process_makes_the_same_content_and_a_used_lot_name_gets_a_suffix(home: Path, demo: dict[str, Any]) -> None:
    done = kilter(home, "simulate", "--scenario", "demo", "--minutes", MINUTES, "--json")
    assert done.returncode == 0, done.stderr
    twin = json.loads(done.stdout)
    assert twin["content_hash"] == demo["content_hash"]
    assert twin["record_hash"] != demo["record_hash"]
    assert twin["lot"] == f"{demo['lot']}-2"


@pytest.mark.hil
def test_ctrl_c_closes_the_record_as_incomplete(home: Path) -> None:
    process = started(home, "demo", "--minutes", "60", "--lot", "stopped")
    folder = home / "runs" / "stopped"
    until(lambda: seconds_recorded(folder) >= 60, "the first minute")
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    with RecordReader(folder) as reader:
        assert reader.status == "incomplete"
        assert "keyboard" in reader.reason
        verdict = reader.verdict()
    assert verdict is not None
    assert verdict["disposition"] == "HOLD"
    assert verify(folder).holds
    assert "incomplete" in out


@pytest.mark.hil
def test_a_killed_run_opens_verifies_and_says_that_it_is_incomplete(home: Path) -> None:
    process = started(home, "demo", "--minutes", "60", "--lot", "killed")
    folder = home / "runs" / "killed"
    until(lambda: seconds_recorded(folder) >= 120, "two minutes")
    process.kill()
    process.communicate(timeout=LIMIT_S)
    with RecordReader(folder) as reader:
        assert reader.status == "incomplete"
    assert verify(folder).holds
    shown = kilter(home, "lot", "show", "killed")
    assert "incomplete" in shown.stdout
    assert "Traceback" not in shown.stderr


@pytest.mark.hil
def test_commands_reach_a_running_engine_once(home: Path) -> None:
    process = started(home, "demo", "--minutes", "60", "--lot", "asked")
    folder = home / "runs" / "asked"
    until(lambda: seconds_recorded(folder) >= 60, "the first minute")
    answer = kilter(home, "mode", "WARM", "--lot", "asked", "--user", "anna", "--reason", "watch it first", "--wait", "60")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=LIMIT_S)
    assert answer.returncode == 0, answer.stderr
    with RecordReader(folder) as reader:
        changes = [body for _, body in reader.events() if body["reason"] == "MODE_CHANGED"]
    assert [(c["actor"], c["old"], c["new"]) for c in changes] == [("anna", "ON", "WARM")]


@pytest.mark.hil
def test_a_taken_port_and_an_absent_plant_are_one_clear_line(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        served = kilter(home, "plant", "serve", "--port", str(port), "--minutes", "5")
    assert served.returncode == 2
    assert "port is taken" in served.stderr.splitlines()[-1]
    away = kilter(home, "hil", "run", "--scenario", "quiet", "--endpoint", f"opc.tcp://127.0.0.1:{port}", "--lot", "away")
    assert away.returncode == 2
    assert "Traceback" not in away.stderr
    assert "reach" in away.stderr


@pytest.mark.hil
def test_a_plant_of_ones_own_is_run_through_its_endpoint(home: Path) -> None:
    plant = started(home, "plant", "serve", "--port", "0", "--scenario", "quiet", "--minutes", "5", "--seed", "3")
    try:
        assert plant.stdout is not None
        endpoint = json.loads(plant.stdout.readline())["endpoint"]
        arguments = ["--scenario", "quiet", "--minutes", "5", "--seed", "3", "--endpoint", endpoint, "--json"]
        done = kilter(home, "hil", "run", *arguments)
    finally:
        plant.terminate()
        plant.communicate(timeout=LIMIT_S)
    assert done.returncode in (0, 1), done.stderr
    body = json.loads(done.stdout)
    figures = {figure["name"]: figure for figure in body["figures"]}
    assert figures["nonconforming_seconds"]["value"] is None
    assert figures["mass_in_kg"]["value"] > 1.0
    twin = json.loads(kilter(home, "simulate", "--scenario", "quiet", "--minutes", "5", "--seed", "3", "--json").stdout)
    assert body["content_hash"] == twin["content_hash"]
