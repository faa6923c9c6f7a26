"""The plant behind OPC UA: its clock, its set-points and who may touch them.

LOCKSTEP: one StepX call advances one second. REALTIME: the plant runs freely, one second a second of the clock.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from asyncua import ua
from asyncua.crypto.truststore import TrustStore
from asyncua.crypto.validator import CertificateValidator, CertificateValidatorOptions
from numpy.typing import NDArray

from line import wire
from line.clock import EPOCH, WallClock
from line.errors import CommunicationError, KilterError
from line.samples import StepResult
from line.tags import Tag, TagRegister
from line.wire import WireMode
from plant_sim.wire_guard import Audit, Code, GuardedInternal, GuardedServer, GuardedSession
from plant_sim.wire_space import VARIANT_TYPES, AddressSpace, NewestFrame, frame_outputs
from plant_sim.wire_users import LockOut, load_users, require_server_certificate

LOOPBACK = "127.0.0.1"
PATH = "kilter/plant"
#: A controller that is silent this long loses its exclusive right to write.
LEASE_S = 10.0
STOP_WITHIN_S = 5.0
PARENT_CHECK_S = 1.0
POLL_S = 0.05
POLICIES = [ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt, ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt]


class ServedPlant(Protocol):
    """A stepped plant that also tells its state before the first step."""

    def initial(self) -> StepResult:
        """Return the frame of second 0."""

    def step(self, k: int, request_id: int, setpoints: NDArray[np.float64]) -> StepResult:
        """Advance from second k to k + 1; see line.ports.SteppedPlant."""


@dataclass(frozen=True)
class ServerSettings:
    """Where and how the plant is served. port 0 takes a free one; `host` other than loopback is a deliberate choice."""

    port: int
    secrets: Path
    mode: WireMode = WireMode.LOCKSTEP
    host: str = LOOPBACK


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


class PlantGate:
    """What clients may do to the plant: the rules of writing, stepping and owning.

    One controller at a time: the first session of user `apc` that steps or writes holds the lease until it ends or is
    silent for LEASE_S; others get BadLocked. Set-points of a step are all checked before any is used.
    """

    def __init__(
        self, plant: ServedPlant, register: TagRegister, settings: ServerSettings, clock: WallClock, audit: Audit
    ) -> None:
        self.plant, self.register, self.mode, self.clock, self.audit = plant, register, settings.mode, clock, audit
        self.users = load_users(settings.secrets)
        self.lock_out = LockOut(clock)
        self.space: AddressSpace | None = None
        lock_step = settings.mode is WireMode.LOCKSTEP
        self.frame = NewestFrame(register, EPOCH if lock_step else clock.utc())
        self.failure: Exception | None = None
        self.failed = asyncio.Event()
        self._owner: GuardedSession | None = None
        self._owner_seen_s = 0.0
        self._answered: tuple[int, int] | None = None
        self._answer: list[ua.Variant] = []
        self._requests = 0
        first = wire.on_wire(register, plant.initial())
        self.frame.take(first)
        self.step = first.step
        self.setpoints = np.array([first.values[register.scalar_index[i]] for i in register.setpoint_ids])

    def ended(self, session: GuardedSession) -> None:
        """Give the lease back when its holder's session ends."""
        if self._owner is session:
            self._owner = None

    def write(self, session: GuardedSession, item: ua.WriteValue) -> ua.StatusCode:
        """Judge and take one write: role, tag, type, finite, range, lease. Used in REALTIME; see `write_status`."""
        status = self.write_status(session, item)
        tag = self.space.tag_of.get(item.NodeId) if self.space else None
        if status == Code.Good and tag is not None:
            self.setpoints[self.register.setpoint_index[tag.id]] = float(item.Value.Value.Value)
        else:
            self._audit_refusal("write_refused", session, str(item.NodeId.Identifier), status)
        return ua.StatusCode(ua.UInt32(status))

    def write_status(self, session: GuardedSession, item: ua.WriteValue) -> int:
        """Return the status code of a write that is not yet done."""
        tag = self.space.tag_of.get(item.NodeId) if self.space else None
        if session.user_name != wire.USER_CONTROL or tag is None or item.AttributeId != ua.AttributeIds.Value:
            return Code.BadUserAccessDenied
        if tag.access != "rw":
            return Code.BadNotWritable
        if item.IndexRange:
            return Code.BadIndexRangeInvalid
        status = _value_status(tag, item.Value)
        if status != Code.Good:
            return status
        if self.mode is not WireMode.REALTIME:
            return Code.BadInvalidState
        return Code.Good if self._claim(session) else Code.BadLocked

    async def call(self, session: GuardedSession, request: ua.CallMethodRequest) -> ua.CallMethodResult:
        """Answer StepX and LastX; nothing else may be called."""
        space = self.space
        name = space.method_ids().get(request.MethodId) if space is not None else None
        if space is None or name is None or request.ObjectId != space.line_id():
            return self._refuse(session, str(request.MethodId.Identifier), Code.BadMethodInvalid)
        if name == wire.METHOD_LAST:
            return _result(frame_outputs(self.frame.last()))
        if session.user_name != wire.USER_CONTROL:
            return self._refuse(session, name, Code.BadUserAccessDenied)
        return await self._step_x(session, request.InputArguments or [])

    async def _step_x(self, session: GuardedSession, arguments: list[ua.Variant]) -> ua.CallMethodResult:
        status = self._arguments_status(arguments)
        if status == Code.Good and self.mode is not WireMode.LOCKSTEP:
            status = Code.BadInvalidState
        if status == Code.Good and not self._claim(session):
            status = Code.BadLocked
        if status != Code.Good:
            return self._refuse(session, wire.METHOD_STEP, status)
        k, request_id = arguments[0].Value, arguments[1].Value
        if self._answered == (k, request_id):
            return _result(self._answer)
        if k != self.step:
            return self._refuse(session, wire.METHOD_STEP, Code.BadInvalidState)
        self.setpoints = np.array(arguments[2].Value, dtype=np.float64)
        result = await self.advance(request_id)
        self._answered, self._answer = (k, request_id), frame_outputs(result)
        return _result(self._answer)

    async def advance(self, request_id: int) -> StepResult:
        """Let one second pass in the plant and publish it. An error of the plant ends the server."""
        try:
            result = wire.on_wire(self.register, self.plant.step(self.step, request_id, self.setpoints.copy()))
        except Exception as error:
            self.failure = error
            self.failed.set()
            raise
        self.step = result.step
        self.frame.take(result)
        if self.space is not None:
            await self.space.publish()
        return result

    async def run_free(self) -> None:
        """Advance one second a second of the clock (REALTIME). A late second is not caught up."""
        due_s = self.clock.monotonic_s() + 1.0
        while True:
            left_s = due_s - self.clock.monotonic_s()
            if left_s > 0:
                await asyncio.sleep(min(left_s, POLL_S))
                continue
            self._requests += 1
            await self.advance(self._requests)
            due_s = max(due_s + 1.0, self.clock.monotonic_s())

    def _arguments_status(self, arguments: list[ua.Variant]) -> int:
        if len(arguments) != 3:
            return Code.BadArgumentsMissing if len(arguments) < 3 else Code.BadTooManyArguments
        k, request_id, vector = arguments
        whole = all(a.VariantType == ua.VariantType.Int64 and isinstance(a.Value, int) for a in (k, request_id))
        if not whole or vector.VariantType != ua.VariantType.Double or not isinstance(vector.Value, (list, tuple)):
            return Code.BadTypeMismatch
        if len(vector.Value) != len(self.register.setpoint_ids):
            return Code.BadInvalidArgument
        for tag_id, value in zip(self.register.setpoint_ids, vector.Value):
            if not _in_range(self.register[tag_id], value):
                return Code.BadOutOfRange
        return Code.Good

    def _claim(self, session: GuardedSession) -> bool:
        now_s = self.clock.monotonic_s()
        if self._owner is not None and self._owner is not session and now_s - self._owner_seen_s <= LEASE_S:
            return False
        if self._owner is not session:
            self.audit("lease", {"user": session.user_name, "address": session.address})
        self._owner, self._owner_seen_s = session, now_s
        return True

    def _refuse(self, session: GuardedSession, what: str, status: int) -> ua.CallMethodResult:
        self._audit_refusal("call_refused", session, what, status)
        return ua.CallMethodResult(StatusCode=ua.StatusCode(ua.UInt32(status)))

    def _audit_refusal(self, kind: str, session: GuardedSession, what: str, status: int) -> None:
        if status != Code.Good:
            body = {"user": session.user_name, "address": session.address, "node": what[:200]}
            self.audit(kind, {**body, "status": ua.StatusCode(ua.UInt32(status)).name})


def _result(outputs: list[ua.Variant]) -> ua.CallMethodResult:
    return ua.CallMethodResult(StatusCode=ua.StatusCode(), OutputArguments=outputs)


def _in_range(tag: Tag, value: float) -> bool:
    return tag.low <= value <= tag.high and (tag.type != "Int64" or float(value).is_integer())


def _value_status(tag: Tag, data: ua.DataValue) -> int:
    if data.StatusCode is not None and not data.StatusCode.is_good():
        return Code.BadWriteNotSupported
    variant = data.Value
    if (
        variant is None
        or variant.VariantType != VARIANT_TYPES[tag.type]
        or isinstance(variant.Value, (list, tuple, type(None)))
    ):
        return Code.BadTypeMismatch
    return Code.Good if _in_range(tag, variant.Value) else Code.BadOutOfRange


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
