"""One second of talk with the plant, in lock-step or in real time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import numpy as np
from asyncua import ua
from numpy.typing import NDArray

from gateway.refusals import status_name
from gateway.session import PlantSession
from line import wire
from line.clock import WallClock
from line.errors import CommunicationError
from line.quality import STATUS_BAD_NO_COMMUNICATION
from line.samples import StepResult, Vector
from line.tags import TagRegister

STEP_TAG, BEAT_TAG = "Sys/StepIndex", "Sys/HeartbeatPlant"
#: A plant whose beat has not changed for this long is lost (link age limit).
BEAT_LIMIT_S = 2.0
POLL_S = 0.02
#: How long after a new second the next one is not yet asked for.
QUIET_S = 0.9
#: Source step of a value whose age is not known: old enough to be stale.
AGE_UNKNOWN_S = 1_000_000
OUTPUT_COUNT = 10


class Exchange(Protocol):
    """One second: send set-points, return what is then known and which writes the wire refused."""

    async def first(self) -> StepResult:
        """Return what is known now, without letting time pass."""

    async def second(self, vector: NDArray[np.float64], queued: Mapping[str, float]) -> tuple[StepResult, dict[str, str]]:
        """Let one second pass with the move vector (m,); `queued` are the moves that are new in it."""


class LockStep:
    """StepX once a second of simulated time; a repeat after a time-out does not advance twice."""

    def __init__(self, session: PlantSession, register: TagRegister) -> None:
        self._session, self._register = session, register
        self._step = 0

    async def first(self) -> StepResult:
        """Return the plant's newest frame with the newest value of every vector tag."""
        result = decode_frame(self._register, await self._session.call(wire.METHOD_LAST, []))
        self._step = result.step
        return result

    async def second(self, vector: NDArray[np.float64], queued: Mapping[str, float]) -> tuple[StepResult, dict[str, str]]:
        """Advance the plant by one second."""
        integer, double = ua.VariantType.Int64, ua.VariantType.Double
        arguments = [
            ua.Variant(self._step, integer),
            ua.Variant(self._step + 1, integer),
            ua.Variant(vector.tolist(), double, is_array=True),
        ]
        result = decode_frame(self._register, await self._patiently(arguments))
        if result.step != self._step + 1:
            raise ValueError(f"step {result.step} after {self._step}")
        self._step = result.step
        return result, {}

    async def _patiently(self, arguments: list[ua.Variant]) -> list[ua.Variant]:
        left = self._session.timeouts.attempts
        while True:
            left -= 1
            try:
                return await self._session.call(wire.METHOD_STEP, arguments)
            except TimeoutError:
                if left <= 0:
                    raise


class RealTime:
    """The plant runs freely: writes by node, reads of every tag once its second has changed, and a beat watchdog."""

    def __init__(self, session: PlantSession, register: TagRegister, clock: WallClock) -> None:
        self._session, self._register, self._clock = session, register, clock
        self._scalars = [session.node(wire.node_identifier(i)) for i in register.scalar_ids]
        self._arrays = [session.node(wire.node_identifier(i)) for i in register.array_ids]
        self._step = -1
        self._beat: float | None = None
        self._beat_at_s = self._due_s = clock.monotonic_s()
        self._array_steps: dict[str, int] = {}

    async def first(self) -> StepResult:
        """Return all tags as they are now."""
        return await self._read_all()

    async def second(self, vector: NDArray[np.float64], queued: Mapping[str, float]) -> tuple[StepResult, dict[str, str]]:
        """Write the queued moves, wait for the plant's next second, read all tags.

        Raises CommunicationError if the plant's second or beat has not changed for BEAT_LIMIT_S.
        """
        refused = await self._write(queued)
        await self._await_next_second()
        result = await self._read_all()
        self._watch(float(result.values[self._register.scalar_index[BEAT_TAG]]))
        return result, refused

    async def _write(self, queued: Mapping[str, float]) -> dict[str, str]:
        if not queued:
            return {}
        variants = [_variant(self._register, tag_id, value) for tag_id, value in queued.items()]
        nodes = [self._session.node(wire.node_identifier(tag_id)) for tag_id in queued]
        codes = await self._session.write(nodes, variants)
        return {tag_id: status_name(code) for tag_id, code in zip(queued, codes) if code != ua.StatusCodes.Good}

    async def _await_next_second(self) -> None:
        node = [self._session.node(wire.node_identifier(STEP_TAG))]
        limit_s = self._clock.monotonic_s() + BEAT_LIMIT_S
        await asyncio.sleep(min(1.0, max(0.0, self._due_s - self._clock.monotonic_s())))
        while True:
            (data,) = await self._session.read(node)
            if data.Value is not None and data.Value.Value is not None and int(data.Value.Value) > self._step:
                self._due_s = self._clock.monotonic_s() + QUIET_S
                return
            if self._clock.monotonic_s() >= limit_s:
                raise self._lost("second")
            await asyncio.sleep(POLL_S)

    def _watch(self, beat: float) -> None:
        now_s = self._clock.monotonic_s()
        if beat == beat and beat != self._beat:
            self._beat, self._beat_at_s = beat, now_s
        elif now_s - self._beat_at_s > BEAT_LIMIT_S:
            raise self._lost("beat")

    def _lost(self, what: str) -> CommunicationError:
        return CommunicationError(
            f"the plant's {what} has not changed for {BEAT_LIMIT_S:g} s: data are stale",
            where=self._session.endpoint,
            what_now="Moves are held; check that the plant runs.",
        )

    async def _read_all(self) -> StepResult:
        data = await self._session.read(self._scalars + self._arrays)
        scalars, arrays = data[: len(self._scalars)], data[len(self._scalars) :]
        stamp = scalars[self._register.scalar_index[STEP_TAG]]
        step = int(_number(stamp))
        values = np.array([_number(d) for d in scalars], dtype=np.float64)
        statuses = np.array([status_of(d) for d in scalars], dtype=np.uint32)
        sources = np.array([_source_step(step, stamp.SourceTimestamp, d.SourceTimestamp) for d in scalars], dtype=np.int64)
        self._step = step
        return StepResult(step, values, statuses, sources, self._new_arrays(step, stamp.SourceTimestamp, arrays))

    def _new_arrays(self, step: int, now: datetime | None, data: Sequence[ua.DataValue]) -> dict[str, tuple[Vector, int, int]]:
        new: dict[str, tuple[Vector, int, int]] = {}
        for tag_id, item in zip(self._register.array_ids, data):
            source = _source_step(step, now, item.SourceTimestamp)
            raw = item.Value.Value if item.Value is not None else None
            if source == self._array_steps.get(tag_id) or (raw is None and item.SourceTimestamp is None):
                continue
            self._array_steps[tag_id] = source
            values = np.asarray(raw, dtype=np.float64) if raw is not None else np.full(self._register[tag_id].size, np.nan)
            new[tag_id] = (values, status_of(item), source)
        return new


def decode_frame(register: TagRegister, outputs: Sequence[ua.Variant]) -> StepResult:
    """Return the step result in the outputs of StepX. Raises ValueError if they do not fit the register."""
    if len(outputs) != OUTPUT_COUNT:
        raise ValueError(f"{len(outputs)} outputs instead of {OUTPUT_COUNT}")
    columns: list[Any] = [variant.Value if variant.Value is not None else () for variant in outputs]
    step, values, statuses, sources, names, sizes, array_statuses, array_sources, flat, events = columns
    n = len(register.scalar_ids)
    if not len(values) == len(statuses) == len(sources) == n:
        raise ValueError(f"{len(values)} values for {n} tags")
    if not len(names) == len(sizes) == len(array_statuses) == len(array_sources) or sum(sizes) != len(flat):
        raise ValueError("vector tags are incomplete")
    arrays: dict[str, tuple[Vector, int, int]] = {}
    start, pool = 0, np.array(flat, dtype=np.float64)
    for name, size, status, source in zip(names, sizes, array_statuses, array_sources):
        if name not in register.tags or not register[name].is_array:
            raise ValueError(f"{str(name)[:40]} is not a vector tag")
        arrays[name] = (pool[start : start + size].copy(), int(status), int(source))
        start += size
    return StepResult(
        step=int(step),
        values=np.array(values, dtype=np.float64),
        statuses=np.array(statuses, dtype=np.uint32),
        source_steps=np.array(sources, dtype=np.int64),
        arrays=arrays,
        events=wire.decode_events(events),
    )


def _variant(register: TagRegister, tag_id: str, value: float) -> ua.Variant:
    if register[tag_id].type == "Int64":
        return ua.Variant(int(value), ua.VariantType.Int64)
    return ua.Variant(float(value), ua.VariantType.Double)


def _number(data: ua.DataValue) -> float:
    raw = data.Value.Value if data.Value is not None else None
    return float(raw) if isinstance(raw, int | float) and not isinstance(raw, bool) else float("nan")


def status_of(data: ua.DataValue) -> int:
    """Return the status code of a value; a missing one counts as no communication."""
    return int(data.StatusCode.value) if data.StatusCode is not None else STATUS_BAD_NO_COMMUNICATION


def _source_step(step: int, now: datetime | None, measured: datetime | None) -> int:
    if now is None or measured is None:
        return step - AGE_UNKNOWN_S
    return step - round((now - measured).total_seconds())
