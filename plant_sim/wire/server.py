"""The plant behind OPC UA: its clock, its set-points and who may touch them.

LOCKSTEP: one StepX call advances one second. REALTIME: the plant runs freely, one second a second of the clock.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import json
import logging
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from asyncua import ua
from asyncua.crypto.truststore import TrustStore
from asyncua.crypto.validator import CertificateValidator, CertificateValidatorOptions

from line import wire
from line.clock import WallClock
from line.errors import CommunicationError, KilterError
from line.tags import TagRegister
from line.wire import WireMode
from plant_sim.wire.gate import PlantGate, ServedPlant, ServerSettings
from plant_sim.wire.guard import Audit, Code, GuardedInternal, GuardedServer
from plant_sim.wire.space import AddressSpace
from plant_sim.wire.users import require_server_certificate

PATH = "kilter/plant"
STOP_WITHIN_S = 5.0
PARENT_CHECK_S = 1.0
POLICIES = [ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt, ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt]


@dataclass(frozen=True)
class Ready:
    """What a server that listens announces."""

    endpoint: str
    mode: WireMode
    register_hash: str

    def line(self) -> str:
        """Return the announcement as one JSON line."""
        body = {"ready": True, "endpoint": self.endpoint, "mode": self.mode.value, "register_hash": self.register_hash}
        return json.dumps(body, sort_keys=True)


async def serve(
    plant: ServedPlant,
    register: TagRegister,
    settings: ServerSettings,
    clock: WallClock,
    *,
    ready: Callable[[Ready], None],
    stop: asyncio.Event,
    audit: Audit | None = None,
) -> None:
    """Serve the plant until `stop` is set.

    Arguments: plant and its register; settings; clock (paces REALTIME, times lock-out and lease); `ready` is called
    once when clients may connect; `audit` is told of logins, refusals and lease changes.
    Errors: CertificateError (secrets missing, damaged, expired), CommunicationError (port taken, address not on this
    machine), and whatever the plant raises in a step.
    """
    logging.getLogger("asyncua").addHandler(logging.NullHandler())
    logging.getLogger("asyncuagds").addHandler(logging.NullHandler())
    require_server_certificate(settings.secrets, clock)
    gate = PlantGate(plant, register, settings, clock, audit or _unheard)
    server = await _build(gate, settings)
    try:
        await server.start()
    except OSError as error:
        raise _not_listening(settings, error) from error
    tasks: list[asyncio.Task[Any]] = [asyncio.create_task(stop.wait()), asyncio.create_task(gate.failed.wait())]
    if settings.mode is WireMode.REALTIME:
        tasks.append(asyncio.create_task(gate.run_free()))
    try:
        ready(Ready(_address(server, settings), settings.mode, wire.register_hash(register)))
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await _stop(server)
    if gate.failure is not None:
        raise gate.failure


async def _build(gate: PlantGate, settings: ServerSettings) -> GuardedServer:
    server = GuardedServer(iserver=GuardedInternal(gate))
    server.product_uri, server.name, server.manufacturer_name = wire.NAMESPACE, "kilter plant", "kilter"
    server.application_type = ua.ApplicationType.Server
    server.set_endpoint(f"opc.tcp://{settings.host}:{settings.port}/{PATH}")
    with _no_collection():
        await server.init()
    await server.set_application_uri(wire.SERVER_URI)
    server.set_security_policy(POLICIES)
    await server.load_certificate(settings.secrets / wire.certificate_file(wire.PLANT_NAME))
    await server.load_private_key(settings.secrets / wire.key_file(wire.PLANT_NAME))
    trust = TrustStore([settings.secrets / wire.TRUST_FOLDER], [settings.secrets / wire.CRL_FOLDER])
    await trust.load()
    checks = CertificateValidatorOptions.TRUSTED_VALIDATION | CertificateValidatorOptions.PEER_CLIENT
    server.iserver.certificate_validator = CertificateValidator(checks, trust)
    space = AddressSpace(server, gate.register, gate.frame)
    await space.build(settings.mode, {wire.METHOD_STEP: _guarded_only, wire.METHOD_LAST: _guarded_only})
    gate.space = space
    return server


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector from going through 10^5 new lasting objects again and again: start takes half as long."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


async def _guarded_only(*_arguments: Any) -> ua.StatusCode:
    """Answer calls that did not come through a guarded session: none may."""
    return ua.StatusCode(ua.UInt32(Code.BadUserAccessDenied))


def _unheard(_kind: str, _body: Mapping[str, Any]) -> None:
    """Take no note."""


def _address(server: GuardedServer, settings: ServerSettings) -> str:
    port = server.bserver.port if server.bserver is not None else settings.port
    return f"opc.tcp://{settings.host}:{port}/{PATH}"


def _not_listening(settings: ServerSettings, error: OSError) -> CommunicationError:
    where = f"opc.tcp://{settings.host}:{settings.port}"
    if error.errno == errno.EADDRINUSE:
        return CommunicationError("the port is taken", where=where, what_now="Name a free port with --port, or 0.")
    reason = os.strerror(error.errno) if error.errno else str(error)
    return CommunicationError(f"cannot listen: {reason}", where=where, what_now="Check address and port.")


async def _stop(server: GuardedServer) -> None:
    try:
        await asyncio.wait_for(server.stop(), STOP_WITHIN_S)
    except TimeoutError:
        logging.getLogger(__name__).warning("the server did not stop within %s s and is abandoned", STOP_WITHIN_S)


def run_server_process(
    plant: ServedPlant,
    register: TagRegister,
    settings: ServerSettings,
    clock: WallClock,
    *,
    announce: Callable[[str], None],
    audit: Audit | None = None,
    stop_with_parent: bool = False,
) -> None:
    """Serve the plant in this process until SIGTERM or SIGINT; the body of `kilter plant serve`.

    `announce` gets one JSON line ({"ready": true, "endpoint": ...}) when clients may connect. With `stop_with_parent`
    the server also ends when the process that started it is gone, so that a killed demo leaves no plant behind.
    Errors: as `serve`.
    """

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        watch = asyncio.create_task(_watch_parent(os.getppid(), stop)) if stop_with_parent else None
        try:
            await serve(plant, register, settings, clock, ready=lambda r: announce(r.line()), stop=stop, audit=audit)
        finally:
            if watch is not None:
                watch.cancel()

    try:
        asyncio.run(main())
    except KilterError:
        raise
    except KeyboardInterrupt:
        return


async def _watch_parent(parent: int, stop: asyncio.Event) -> None:
    while os.getppid() == parent:
        await asyncio.sleep(PARENT_CHECK_S)
    stop.set()
