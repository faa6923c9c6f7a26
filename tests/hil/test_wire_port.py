"""The engine's port against a served plant: equal content, and one clear line for everything that can go wrong."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from gateway.certificates import create_authority
from gateway.inprocess import InProcessPort
from gateway.moves import MoveRefused
from gateway.port import OpcUaPort
from gateway.session import Account, PlantSession, Timeouts
from line import wire
from line.clock import ManualClock, SystemClock
from line.configuration import LineConfiguration, Scenario, load
from line.errors import CertificateError, CommunicationError
from line.quality import Quality
from line.tags import TagRegister
from line.wire import WireMode
from plant_sim.parameters import draw_parameters, load_parameters
from plant_sim.plant import Plant, PlantSetup
from tests.first_order_plant import FirstOrderPlant
from tests.wire_bench import ROOT, Served, copied, refused, served, viewer_caller
from tests.wire_process import SERVE, TAGS, Process, content, free_port, line_of, port_to, run

pytestmark = pytest.mark.hil
QUICK = Timeouts(connect_s=4.0, request_s=0.4, close_s=0.5, attempts=2)
VIEWER = Account(wire.VIEWER_NAME, wire.VIEWER_URI, wire.USER_VIEW)


@pytest.fixture(scope="module")
def running(secrets: Path) -> Iterator[list[Process]]:
    """The process in use, so that tests share it as long as it lives."""
    held: list[Process] = []
    yield held
    for one in held:
        if one.popen.poll() is None:
            one.end(signal.SIGKILL)


@pytest.fixture
def process(secrets: Path, running: list[Process]) -> Process:
    """A plant in a process of its own, at any second."""
    if not running or running[-1].popen.poll() is not None:
        running.append(Process(secrets))
    return running[-1]


# --- equal content ------------------------------------------------------------------------------------------------------
def test_over_the_wire_and_in_process_are_equal_bit_for_bit(secrets: Path) -> None:
    local = InProcessPort(FirstOrderPlant(TAGS, seed=5), TAGS)
    with served(secrets, plant=FirstOrderPlant(TAGS, seed=5)) as state:
        remote = port_to(state.endpoint, secrets)
        try:
            over_the_wire = content(run(remote, 40))
        finally:
            remote.close()
    in_process = content(run(local, 40))
    assert over_the_wire == in_process
    assert content(run(InProcessPort(FirstOrderPlant(TAGS, seed=6), TAGS), 40)) != in_process


def simulated_line(seed: int) -> Plant:
    configs = ROOT / "configs"
    return Plant(
        PlantSetup(
            register=TAGS,
            parameters=draw_parameters(load_parameters(configs / "materials" / "reference-line.toml"), seed),
            seed=seed,
            scenario=load(configs / "scenarios" / "demo.toml", Scenario),
            geometry=load(configs / "line" / "reference.toml", LineConfiguration).geometry,
        )
    )


def test_the_simulated_line_is_the_same_over_the_wire(secrets: Path) -> None:
    with served(secrets, plant=simulated_line(7)) as state:
        remote = port_to(state.endpoint, secrets)
        over_the_wire = content(run(remote, 120, start_up=True))
        remote.close()
    assert over_the_wire == content(run(InProcessPort(simulated_line(7), TAGS), 120, start_up=True))
    assert sum(len(row[4]) for row in over_the_wire) > 20  # type: ignore[misc,arg-type]  # spectra and forces did come


def test_nodes_show_what_the_step_returned(process: Process, secrets: Path) -> None:
    port = port_to(process.endpoint, secrets)
    last = run(port, 7)[-1]
    found = {r.tag: r for r in port.read_tags([*TAGS.scalar_ids, *TAGS.array_ids])}
    port.close()
    for tag_id in TAGS.scalar_ids:
        raw, i = found[tag_id].value, TAGS.scalar_index[tag_id]
        assert found[tag_id].status == last.statuses[i]
        assert (np.isnan(last.values[i]) and raw is None) or float(raw) == last.values[i]
    step_time = found["Sys/StepIndex"].source_time
    assert step_time is not None and found["NIR/SpectrumId"].source_time == step_time - timedelta(seconds=last.step % 5)
    assert np.array_equal(found["Press/StationForce"].value, last.arrays["Press/StationForce"].values)
    assert len(found["NIR/Spectrum"].value) == len(found["NIR/Axis"].value) == 404


def test_a_second_open_goes_on_where_the_plant_is(plant_server: Served, secrets: Path) -> None:
    one = port_to(plant_server.endpoint, secrets)
    last = run(one, 3)[-1]
    one.close()
    two = port_to(plant_server.endpoint, secrets, policy="Basic256Sha256")
    first = two.open()
    assert first.step == last.step and first.values.tobytes() == last.values.tobytes()
    assert set(first.arrays) == set(TAGS.array_ids)
    assert two.read_snapshot().step == last.step + 1
    two.close()


# --- what can go wrong at the start -------------------------------------------------------------------------------------
def test_a_plant_that_is_not_there(secrets: Path) -> None:
    with pytest.raises(CommunicationError, match="not reachable") as caught:
        port_to(f"opc.tcp://127.0.0.1:{free_port()}/kilter/plant", secrets).open()
    assert "127.0.0.1" in line_of(caught.value) and "kilter plant serve" in line_of(caught.value)


def test_something_that_accepts_and_says_nothing(secrets: Path) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        started = time.monotonic()
        with pytest.raises(CommunicationError, match="did not answer in time"):
            port_to(f"opc.tcp://127.0.0.1:{mute.getsockname()[1]}/x", secrets, timeouts=QUICK).open()
        assert time.monotonic() - started < 4.0


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:4840", "opc.tcp://apc:secret@127.0.0.1:4840", "opc.tcp://a b:1"])
def test_an_endpoint_that_is_none(secrets: Path, endpoint: str) -> None:
    with pytest.raises(CommunicationError, match="not an OPC UA endpoint"):
        port_to(endpoint, secrets)


def test_a_wrong_secret_and_then_the_lock_out(secrets: Path, tmp_path: Path) -> None:
    folder = copied(secrets, tmp_path / "secrets")
    (folder / "apc.secret").write_text("guess\n")
    with served(secrets) as state:
        for _ in range(5):
            with pytest.raises(CertificateError, match="wrong user name or secret"):
                port_to(state.endpoint, folder).open()
        with pytest.raises(CertificateError, match="locked out") as caught:
            port_to(state.endpoint, secrets).open()
        assert "user check" in line_of(caught.value)
        assert refused(state.endpoint, secrets, viewer_caller(secrets)) == ""  # another user is not locked out
        assert state.heard("login_locked") == [{"user": "apc", "address": "127.0.0.1"}]


def test_an_expired_folder_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    create_authority(folder, ManualClock(SystemClock().utc() - timedelta(days=400)))
    with pytest.raises(CertificateError, match="expired on"):
        port_to("opc.tcp://127.0.0.1:1/x", folder).open()


def test_an_expired_plant_certificate_keeps_the_server_down(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    create_authority(folder, ManualClock(SystemClock().utc() - timedelta(days=400)))
    with served(folder) as state:
        pass
    assert isinstance(state.error[0], CertificateError) and "plant.der" in line_of(state.error[0])


def test_another_lines_secrets(plant_server: Served, tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    create_authority(folder, SystemClock())
    with pytest.raises(CertificateError, match="another certificate than the one pinned") as caught:
        port_to(plant_server.endpoint, folder, timeouts=QUICK).open()
    assert "certificate check" in line_of(caught.value)


def test_a_plant_of_another_authority_is_not_trusted_even_if_pinned(
    plant_server: Served, secrets: Path, tmp_path: Path
) -> None:
    folder = copied(secrets, tmp_path / "secrets")
    other = tmp_path / "other"
    create_authority(other, SystemClock())
    shutil.rmtree(folder / "trusted")
    shutil.copytree(other / "trusted", folder / "trusted")
    with pytest.raises(CertificateError, match="not signed by the authority"):
        port_to(plant_server.endpoint, folder).open()


def test_an_engine_certificate_the_plant_does_not_trust(plant_server: Served, secrets: Path, tmp_path: Path) -> None:
    """The folder check is left out here, to reach the plant's own check."""
    folder = tmp_path / "secrets"
    create_authority(folder, SystemClock())
    shutil.copy(secrets / "plant.der", folder / "plant.der")
    shutil.copy(secrets / "apc.secret", folder / "apc.secret")
    session = PlantSession(plant_server.endpoint, folder, SystemClock(), timeouts=QUICK)
    with pytest.raises(CommunicationError) as caught:
        session.run(session._connect(), "connect")
    session.close()
    assert isinstance(caught.value, CertificateError)
    assert "the engine's certificate is not signed by the trusted authority" in line_of(caught.value)


def test_another_mode_and_another_register_are_named(plant_server: Served, secrets: Path) -> None:
    with pytest.raises(CommunicationError, match="runs LOCKSTEP, the engine is set to REALTIME"):
        port_to(plant_server.endpoint, secrets, mode=WireMode.REALTIME).open()
    tags = list(TAGS.tags.values())
    other = TagRegister([tags[1], tags[0], *tags[2:]])
    with pytest.raises(CommunicationError, match="different tag registers"):
        OpcUaPort(plant_server.endpoint, other, secrets, SystemClock()).open()


def test_a_viewer_may_open_and_look_but_not_step(plant_server: Served, secrets: Path) -> None:
    port = port_to(plant_server.endpoint, secrets, account=VIEWER)
    assert port.open().quality_of("Sys/StepIndex") == Quality.GOOD
    with pytest.raises(CommunicationError, match="BadUserAccessDenied"):
        port.read_snapshot()
    port.close()


def test_a_second_engine_stays_outside(plant_server: Served, secrets: Path) -> None:
    one, two = port_to(plant_server.endpoint, secrets), port_to(plant_server.endpoint, secrets)
    one.open()
    one.read_snapshot()
    two.open()
    with pytest.raises(CommunicationError, match="controlled by another engine"):
        two.read_snapshot()
    one.read_snapshot()
    one.close()
    two.close()


# --- what can go wrong under way ----------------------------------------------------------------------------------------
def test_a_frozen_plant_is_one_line_in_bounded_time_and_no_step_is_lost_or_doubled(process: Process, secrets: Path) -> None:
    port = port_to(process.endpoint, secrets, timeouts=QUICK)
    last = run(port, 3)[-1]
    process.popen.send_signal(signal.SIGSTOP)
    started = time.monotonic()
    with pytest.raises(CommunicationError, match="did not answer in time"):
        port.read_snapshot()
    assert time.monotonic() - started < QUICK.attempts * QUICK.request_s + QUICK.close_s + 2.0
    process.popen.send_signal(signal.SIGCONT)
    again = port.open()
    assert again.step - last.step in (0, 1)  # the step asked for in vain was made once or not at all
    assert port.read_snapshot().step == again.step + 1
    port.close()


def test_a_short_freeze_is_ridden_out(process: Process, secrets: Path) -> None:
    port = port_to(process.endpoint, secrets, timeouts=Timeouts(request_s=0.5, attempts=6))
    last = run(port, 3)[-1]
    process.popen.send_signal(signal.SIGSTOP)
    resume = subprocess.Popen([sys.executable, "-c", f"import os,time; time.sleep(0.8); os.kill({process.popen.pid}, 18)"])
    assert port.read_snapshot().step == last.step + 1
    assert port.read_snapshot().step == last.step + 2
    resume.wait(10)
    port.close()


def test_an_interrupt_leaves_a_port_that_can_be_closed(process: Process, secrets: Path) -> None:
    port = port_to(process.endpoint, secrets)
    run(port, 2)
    process.popen.send_signal(signal.SIGSTOP)
    interrupt = subprocess.Popen([sys.executable, "-c", f"import os,time; time.sleep(0.4); os.kill({os.getpid()}, 2)"])
    with pytest.raises(KeyboardInterrupt):
        port.read_snapshot()
    process.popen.send_signal(signal.SIGCONT)
    port.close()
    interrupt.wait(10)


def test_a_killed_plant_is_one_line_at_once(process: Process, secrets: Path) -> None:
    port = port_to(process.endpoint, secrets)
    run(port, 3)
    process.end(signal.SIGKILL)
    started = time.monotonic()
    with pytest.raises(CommunicationError, match="link to the plant is lost"):
        port.read_snapshot()
    port.close()
    assert time.monotonic() - started < 2.0
    with pytest.raises(CommunicationError, match="not open"):
        port.read_snapshot()
    with pytest.raises(CommunicationError, match="not reachable"):
        port.open()


def test_a_kept_set_point_is_reported_and_a_failing_plant_ends_with_its_reason(secrets: Path) -> None:
    class Failing(FirstOrderPlant):
        def step(self, k: int, request_id: int, setpoints: np.ndarray):  # type: ignore[no-untyped-def]
            if k == 2:
                raise ZeroDivisionError("hopper")
            return super().step(k, request_id, setpoints)

    with served(secrets, plant=Failing(TAGS, refuses=("SP/FillDepth",))) as state:
        port = port_to(state.endpoint, secrets, timeouts=QUICK)
        port.open()
        port.write_moves({"SP/FillDepth": 9.0, "SP/MainForce": 5.0})
        port.read_snapshot()
        assert list(port.unconfirmed_writes()) == ["SP/FillDepth"]
        with pytest.raises(MoveRefused, match="not finite"):
            port.write_moves({"SP/MainForce": float("nan")})
        port.read_snapshot()
        assert port.unconfirmed_writes() == {}
        with pytest.raises(CommunicationError):
            port.read_snapshot()
        port.close()
    assert isinstance(state.error[0], ZeroDivisionError)


# --- the server's process -----------------------------------------------------------------------------------------------
def test_a_taken_port_is_one_line_and_exit_2(process: Process, secrets: Path) -> None:
    port = int(process.endpoint.split(":")[2].split("/")[0])
    second = Process(secrets, port)
    code, said, _ = second.end()
    assert code == 2 and second.ready == {}
    assert said.count("\n") == 1 and "the port is taken" in said and "--port" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_server_ends_cleanly_with_a_client_connected(process: Process, secrets: Path, number: int) -> None:
    port = port_to(process.endpoint, secrets)
    run(port, 2)
    code, said, took_s = process.end(number)
    assert (code, said) == (0, "") and took_s < 6.0
    port.close()


def test_the_server_ends_when_its_parent_is_gone(secrets: Path) -> None:
    script = (
        "import subprocess, sys; p = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE);"
        "p.stdout.readline(); print(p.pid, flush=True)"
    )
    command = [sys.executable, str(SERVE), str(secrets), "0", "LOCKSTEP", "with-parent"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script, *command], capture_output=True, text=True, env=environment, timeout=60)
    pid, limit = int(done.stdout), time.monotonic() + 10.0
    while alive(pid) and time.monotonic() < limit:
        time.sleep(0.1)
    assert not alive(pid)


def alive(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] != "Z"
