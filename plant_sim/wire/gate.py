"""What clients may do to the plant: write, step, own it; and how its seconds pass."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from asyncua import ua
from numpy.typing import NDArray

from line import wire
from line.clock import EPOCH, WallClock
from line.samples import StepResult
from line.tags import Tag, TagRegister
from line.wire import WireMode
from plant_sim.wire.guard import Audit, Code, GuardedSession
from plant_sim.wire.space import VARIANT_TYPES, AddressSpace, NewestFrame, frame_outputs
from plant_sim.wire.users import LockOut, load_users

LOOPBACK = "127.0.0.1"
#: A controller that is silent this long loses its exclusive right to write.
LEASE_S = 10.0
POLL_S = 0.05


class ServedPlant(Protocol):
    """A stepped plant that also tells its state before the first step."""

    def initial(self) -> StepResult:
        """Return the frame of second 0."""

    def step(self, k: int, request_id: int, setpoints: NDArray[np.float64]) -> StepResult:
        """Advance from second k to k + 1; see line.ports.SteppedPlant."""


@runtime_checkable
class ResumedPlant(Protocol):
    """A plant that may have gone on from a checkpoint: it knows what was answered last, and by which request."""

    def answered(self) -> tuple[int, int, StepResult] | None:
        """Return (k, request id, result) of the newest step, None before the first."""

    def newest(self) -> StepResult:
        """Return the newest second with the newest value of every vector tag."""


@dataclass(frozen=True)
class ServerSettings:
    """Where and how the plant is served. port 0 takes a free one; `host` other than loopback is a deliberate choice."""

    port: int
    secrets: Path
    mode: WireMode = WireMode.LOCKSTEP
    host: str = LOOPBACK


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
        self.failure: Exception | None = None
        self.failed = asyncio.Event()
        self._owner: GuardedSession | None = None
        self._owner_seen_s = 0.0
        self._answered: tuple[int, int] | None = None
        self._answer: list[ua.Variant] = []
        self._requests = 0
        first = self._first()
        began = EPOCH if settings.mode is WireMode.LOCKSTEP else clock.utc() - timedelta(seconds=first[-1].step)
        self.frame = NewestFrame(register, began)
        for frame in first:
            self.frame.take(frame)
        self.step, first_values = first[-1].step, first[-1].values
        self.setpoints = np.array([first_values[register.scalar_index[i]] for i in register.setpoint_ids])

    def _first(self) -> list[StepResult]:
        """Return the frames to begin with; a plant that was resumed answers its last request as before."""
        plant, register = self.plant, self.register
        opening = [wire.on_wire(register, plant.initial())]
        answered = plant.answered() if isinstance(plant, ResumedPlant) else None
        if not isinstance(plant, ResumedPlant) or answered is None:
            return opening
        k, request_id, result = answered
        last = wire.on_wire(register, result)
        self._answered, self._answer = (k, request_id), frame_outputs(last)
        return [*opening, wire.on_wire(register, plant.newest()), last]

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
            self._take_back(await self.advance(self._requests))
            due_s = max(due_s + 1.0, self.clock.monotonic_s())

    def _take_back(self, result: StepResult) -> None:
        """Go on from the set-points the PLC shows: what it refused is not asked for again every second."""
        for i, tag_id in enumerate(self.register.setpoint_ids):
            shown = float(result.values[self.register.scalar_index[tag_id]])
            if _in_range(self.register[tag_id], shown):
                self.setpoints[i] = shown

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
