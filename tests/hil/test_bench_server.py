"""The open bench over HTTP: answers, errors as JSON, limits, loopback."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hil.bench_server import BODY_MAX_BYTES, HOST, BenchServer
from hil.open_bench import OpenBench

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
pytestmark = pytest.mark.hil
ANSWER_WITHIN_S = 60.0


@pytest.fixture(scope="module")
def server() -> Iterator[BenchServer]:
    with BenchServer(OpenBench(CONFIGS), 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(
    server: BenchServer, method: str, path: str, body: Any = None, text: str | None = None, **headers: str
) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(HOST, server.server_address[1], timeout=ANSWER_WITHIN_S)
    try:
        content = text if text is not None else (None if body is None else json.dumps(body))
        connection.request(method, path, content, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def reset(server: BenchServer, **extra: Any) -> int:
    status, answer = ask(server, "POST", "/reset", {"scenario": "quiet", "minutes": 1, "step_s": 30, **extra})
    assert status == 200, answer
    return int(answer["session"])


def test_a_whole_scenario(server: BenchServer) -> None:
    assert "quiet" in {s["name"] for s in ask(server, "GET", "/scenarios")[1]}
    assert "SP/MainForce" in {i["tag"] for i in ask(server, "GET", "/inputs")[1]}
    session = reset(server)
    status, answer = ask(server, "POST", "/step", {"session": session, "set_points": {"SP/MainForce": 6.3}})
    assert status == 200 and answer["measurements"]["time_s"] == 30.0 and not answer["over"]
    assert answer["measurements"]["SP/MainForce"] == 6.3
    assert len(answer["arrays"]["NIR/Spectrum"]) == 404
    assert ask(server, "GET", "/measurements")[1] == answer
    assert ask(server, "GET", "/kpis")[0] == 400
    assert ask(server, "POST", "/step", {"session": session})[1]["over"]
    assert "potency_iae_pct_lc_min" in ask(server, "GET", "/kpis")[1]
    assert ask(server, "GET", "/forecast")[1] == [[0, 25.0]]


def test_another_reset_ends_a_session(server: BenchServer) -> None:
    first = reset(server)
    second = reset(server, seed=2)
    assert ask(server, "POST", "/step", {"session": first})[0] == 409
    assert ask(server, "POST", "/step", {})[0] == 409
    assert ask(server, "POST", "/step", {"session": second})[0] == 200


@pytest.mark.parametrize(
    ("path", "body", "key"),
    [
        ("/reset", {"scenario": "../line/reference"}, "scenario"),
        ("/reset", {"scenario": "quiet.toml"}, "scenario"),
        ("/reset", {"scenario": 7}, "scenario"),
        ("/reset", {"scenario": "quiet", "seeds": 1}, "seeds"),
        ("/reset", {"scenario": "quiet", "seed": -1}, "seed"),
        ("/reset", {"scenario": "quiet", "variant": 1}, "variant"),
        ("/step", {"session": "here", "set_points": {"SP/MainForce": 50}}, "SP/MainForce"),
        ("/step", {"session": "here", "set_points": [1]}, "set_points"),
        ("/step", {"session": "here", "move": {}}, "move"),
    ],
)
def test_bad_input_is_400_with_its_faults(server: BenchServer, path: str, body: dict[str, Any], key: str) -> None:
    session = reset(server)
    if "session" in body:
        body = {**body, "session": session}
    status, answer = ask(server, "POST", path, body)
    assert status == 400 and [fault["key"] for fault in answer["faults"]] == [key]
    assert all(fault["remedy"] for fault in answer["faults"])
    assert ask(server, "POST", "/step", {"session": session})[0] == 200  # what runs goes on


@pytest.mark.parametrize("text", ["", "{", "[]", '{"scenario": NaN}', '{"minutes": 1e999}', "[" * 50_000, "\xff"])
def test_what_is_no_json_object_is_400(server: BenchServer, text: str) -> None:
    status, answer = ask(server, "POST", "/reset", text=text)
    assert status == 400 and "JSON" in answer["error"]


def test_limits_paths_and_origins(server: BenchServer) -> None:
    assert ask(server, "POST", "/reset", text=" " * (BODY_MAX_BYTES + 1))[0] == 413
    status, answer = ask(server, "GET", "/scenario")
    assert status == 404 and "/scenarios" in answer["error"]
    assert ask(server, "GET", "/reset")[0] == 404
    assert ask(server, "GET", "/scenarios", Origin="http://example.org")[0] == 403
    assert ask(server, "GET", "/scenarios", Host="example.org")[0] == 403
    assert server.server_address[0] == "127.0.0.1"


def test_the_command_prints_its_address_and_ends_by_ctrl_c() -> None:
    command = [sys.executable, "-m", "kilter", "bench", "serve", "--port", "0", "--configs", str(CONFIGS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        url = json.loads(process.stdout.readline())["url"]
        host, port = url.removeprefix("http://").split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=ANSWER_WITHIN_S)
        connection.request("GET", "/scenarios")
        assert {"demo", "quiet"} <= {s["name"] for s in json.loads(connection.getresponse().read())}
        connection.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=ANSWER_WITHIN_S) == 130
        assert process.stderr.read().strip() == "kilter: interrupted"
