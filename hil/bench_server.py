"""The open bench over HTTP on this machine alone: JSON in, JSON out, one scenario at a time."""

from __future__ import annotations

import json
import math
import re
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from hil.open_bench import OpenBench
from line.configuration import near
from line.errors import ConfigurationFaults, DataError, Fault, KilterError

#: Loopback only: the bench has no users and no secrets, and needs none.
HOST = "127.0.0.1"
BODY_MAX_BYTES, SILENCE_MAX_S, CONNECTIONS_MAX = 1 << 16, 30.0, 8
RESET_KEYS = ("scenario", "seed", "plant_seed", "variant", "minutes", "step_s")
Body = dict[str, Any]
Answer = Callable[[Body], Any]


class BenchServer(ThreadingHTTPServer):
    """Serves one OpenBench on loopback; `port` 0 takes a free one. Raises OSError if the port is taken.

    GET /scenarios, /inputs, /measurements, /forecast, /kpis; POST /reset {scenario, seed, plant_seed, variant, minutes,
    step_s} answers with the number of the session, which POST /step {session, set_points} must carry: a reset by somebody
    else ends one's session. Bad input is 400 with every fault, a session that is over 409.
    """

    daemon_threads = True

    def __init__(self, bench: OpenBench, port: int) -> None:
        self.bench, self.session = bench, 0
        self._lock = threading.Lock()
        self.slots = threading.BoundedSemaphore(CONNECTIONS_MAX)
        self.routes: dict[tuple[str, str], Answer] = {
            ("GET", "/"): lambda _: {"bench": "kilter", "paths": sorted(path for _, path in self.routes)},
            ("GET", "/scenarios"): lambda _: self.bench.scenarios(),
            ("GET", "/inputs"): lambda _: self.bench.inputs(),
            ("GET", "/measurements"): lambda _: self._state(),
            ("GET", "/forecast"): lambda _: self.bench.forecast(),
            ("GET", "/kpis"): lambda _: self.bench.kpis(),
            ("POST", "/reset"): self._reset,
            ("POST", "/step"): self._step,
        }
        super().__init__((HOST, port), _Handler)

    def answer(self, method: str, path: str, body: Body) -> Any:
        """Return the answer to one request, one at a time. Raises KilterError, or KeyError for an unknown path."""
        with self._lock:
            return self.routes[(method, path)](body)

    def _reset(self, body: Body) -> Any:
        _only(body, RESET_KEYS)
        if not isinstance(body.get("scenario"), str):
            raise ConfigurationFaults([Fault("reset", "scenario", str(body.get("scenario"))[:80], "the name of a scenario")])
        if not re.fullmatch(r"[a-z0-9_]{1,80}", body["scenario"]):
            raise ConfigurationFaults([Fault("reset", "scenario", body["scenario"][:80], "a name, not a file")])
        if not isinstance(body.get("variant", "a"), str):
            raise ConfigurationFaults([Fault("reset", "variant", str(body["variant"])[:80], "a or b")])
        self.bench.reset(**body)
        self.session += 1
        return self._state()

    def _step(self, body: Body) -> Any:
        _only(body, ("session", "set_points"))
        if body.get("session") != self.session or self.session == 0:
            raise SessionOver(f"session {str(body.get('session'))[:20]} is not the one that runs")
        set_points = body.get("set_points", {})
        if not isinstance(set_points, dict):
            raise ConfigurationFaults([Fault("step", "set_points", str(set_points)[:80], "an object: tag and number")])
        self.bench.step(set_points)
        return self._state()

    def _state(self) -> Body:
        bench = self.bench
        return {
            "session": self.session,
            "over": bench.over,
            "measurements": bench.measurements(),
            "arrays": bench.arrays(),
            "events": bench.events(),
        }


class SessionOver(DataError):
    """The caller's session was ended by a reset, or there was none."""

    def __init__(self, what: str) -> None:
        super().__init__(what, where="step", what_now="POST /reset begins one and answers with its number.")


def _only(body: Mapping[str, Any], known: tuple[str, ...]) -> None:
    faults = [Fault("request", key[:80], "unknown", near(key, known)) for key in body if key not in known]
    if faults:
        raise ConfigurationFaults(faults)


def _strict(text: bytes) -> Body:
    """Return a JSON object. Raises DataError: not JSON, not an object, a number that is not finite, nested too deep."""

    def refuse(word: str) -> float:
        raise ValueError(f"{word} is not a number")

    def finite(word: str) -> float:
        return float(word) if math.isfinite(float(word)) else refuse(word)

    try:
        body = json.loads(text, parse_constant=refuse, parse_float=finite)
    except (ValueError, RecursionError) as error:
        raise DataError("the body is not JSON", where="request", how_much=str(error)[:120]) from error
    if not isinstance(body, dict):
        raise DataError("the body is not a JSON object", where="request")
    return body


class _Handler(BaseHTTPRequestHandler):
    """One connection. Refuses other hosts and pages of browsers: only programs on this machine are served."""

    server: BenchServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "kilter-bench", ""
    timeout = SILENCE_MAX_S

    def handle(self) -> None:
        if not self.server.slots.acquire(blocking=False):
            self.close_connection = True
            return
        try:
            super().handle()
        finally:
            self.server.slots.release()

    def do_GET(self) -> None:
        self._answer("GET", b"")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > BODY_MAX_BYTES:
            self.close_connection = True
            self._send(413 if length.isdigit() else 411, {"error": f"send Content-Length, at most {BODY_MAX_BYTES} bytes"})
            return
        self._answer("POST", self.rfile.read(int(length)))

    def _answer(self, method: str, text: bytes) -> None:
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        if host not in (HOST, "localhost") or "Origin" in self.headers:
            self._send(403, {"error": "this bench serves programs on this machine only"})
            return
        path = self.path.split("?", 1)[0]
        known = [known for verb, known in self.server.routes if verb == method]
        if path not in known:
            self._send(404, {"error": f"no such path: {near(path[:80], known)}"})
            return
        try:
            self._send(200, self.server.answer(method, path, _strict(text) if method == "POST" else {}))
        except ConfigurationFaults as error:
            faults = [{"key": f.key, "value": f.value, "remedy": f.remedy} for f in error.faults]
            self._send(400, {"error": error.line(), "faults": faults})
        except SessionOver as error:
            self._send(409, {"error": error.line()})
        except KilterError as error:
            self._send(400, {"error": error.line()})
        except Exception as error:
            self._send(500, {"error": f"a fault of the bench itself: {type(error).__name__}"})
            raise

    def _send(self, status: int, body: Any) -> None:
        text = json.dumps(body, allow_nan=False).encode("utf-8")
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent: standard error is for errors."""
