"""`kilter run` in real time against a served plant that falls silent for a while."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from historian.queries import RecordReader
from historian.verify import verify

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "KILTER_CONFIGS": str(ROOT / "configs"), "PYTHONPATH": str(ROOT)}
LIMIT_S = 120
CONFIGURATION = """
endpoint = "{endpoint}"
wire_mode = "REALTIME"
scenario = "quiet"
recipe = "reference-18mg"
controller = "nmpc"
controller_mode = "WARM"
soft_sensor = "model.json"
sensor_registry = "sensors"
challenger = "model.json"
secrets = "secrets"
runs = "runs"
lot = "LOT-7"
minutes = 0.5
seed = 1
"""


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "kilter", *arguments]
    return subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def kilter(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    process = started(folder, *arguments)
    out, errors = process.communicate(timeout=LIMIT_S)
    return subprocess.CompletedProcess(process.args, process.returncode, out, errors)


def approve_the_model(folder: Path) -> None:
    """One person registers the model, another approves it; before that, and once it is altered, nothing is made with it."""
    (folder / "run.toml").write_text(CONFIGURATION.format(endpoint="opc.tcp://127.0.0.1:1"), encoding="utf-8")
    refused = kilter(folder, "run", "--config", "run.toml")
    assert (refused.returncode, "not registered" in refused.stderr) == (2, True)
    sha256 = json.loads((folder / "model.json").read_text(encoding="utf-8"))["sha256"]
    days = ("--valid-from", "2020-01-01", "--valid-until", "2099-12-31", "--evidence", "model.json")
    assert kilter(folder, "sensor", "register", "model.json", "--reason", "test", "--user", "ann").returncode == 0
    done = kilter(folder, "sensor", "approve", sha256[:8], *days, "--reason", "test", "--user", "bob")
    assert (done.returncode, "is effective" in done.stdout) == (0, True)
    text = (folder / "model.json").read_text(encoding="utf-8")
    (folder / "model.json").write_text(text.replace("1", "2", 1), encoding="utf-8")
    refused = kilter(folder, "run", "--config", "run.toml")
    assert (refused.returncode, "altered" in refused.stderr, (folder / "runs").exists()) == (2, True, False)
    (folder / "model.json").write_text(text, encoding="utf-8")


@pytest.mark.hil
def test_a_plant_that_falls_silent_is_an_alarm_a_gap_and_no_end(tmp_path: Path) -> None:
    assert kilter(tmp_path, "plant", "sensor", "--out", "model.json").returncode == 0
    again = kilter(tmp_path, "plant", "sensor", "--out", "model.json")
    assert again.returncode == 2
    assert "not overwritten" in again.stderr
    approve_the_model(tmp_path)
    plant = started(tmp_path, "plant", "serve", "--port", "0", "--scenario", "quiet", "--mode", "REALTIME")
    try:
        assert plant.stdout is not None
        endpoint = json.loads(plant.stdout.readline())["endpoint"]
        (tmp_path / "run.toml").write_text(CONFIGURATION.format(endpoint=endpoint), encoding="utf-8")
        engine = started(tmp_path, "run", "--config", "run.toml", "--json")
        time.sleep(15)
        plant.send_signal(signal.SIGSTOP)
        time.sleep(6)
        plant.send_signal(signal.SIGCONT)
        out, errors = engine.communicate(timeout=LIMIT_S)
    finally:
        plant.send_signal(signal.SIGCONT)
        plant.terminate()
        plant.communicate(timeout=LIMIT_S)
    assert engine.returncode == 0, errors
    assert json.loads(out)["complete"] is True
    folder = tmp_path / "runs" / "LOT-7"
    assert verify(folder).holds
    with RecordReader(folder) as reader:
        alarms = [(body["id"], body["state"]) for _, body in reader.alarms() if body["id"] == "COMMS_LOST"]
        links = [body["text"] for _, body in reader.events() if body["subject"] == "link"]
        verdicts, shadows = reader.bodies("verdict"), reader.bodies("shadow")
        moves = [body for _, body in reader.bodies("move") if body["actor"] == "nmpc"]
    assert alarms == [("COMMS_LOST", "UNACKNOWLEDGED"), ("COMMS_LOST", "RETURNED")]
    assert "nothing is known of seconds" in links[1]
    assert moves == []
    assert shadows == verdicts and shadows


@pytest.mark.hil
def test_a_configuration_with_faults_names_them_all(tmp_path: Path) -> None:
    text = CONFIGURATION.format(endpoint="http://127.0.0.1").replace("seed = 1", "seeds = 1")
    (tmp_path / "run.toml").write_text(text, encoding="utf-8")
    done = kilter(tmp_path, "run", "--config", "run.toml")
    assert done.returncode == 2
    for word in ("endpoint", "seeds", "seed = missing"):
        assert word in done.stderr
    assert not (tmp_path / "runs").exists()
