"""The plant over OPC UA, as the engine sees it: open, write moves, read a snapshot, close."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.exchange import Exchange, LockStep, RealTime, status_of
from gateway.moves import MoveQueue, UnconfirmedWrite
from gateway.session import DEFAULT_POLICY, Account, PlantSession, Timeouts
from line import wire
from line.clock import WallClock
from line.errors import CommunicationError
from line.samples import Snapshot
from line.tags import TagRegister
from line.wire import WireMode

RETRY_PACE_S = 1.0


@dataclass(frozen=True)
class TagReading:
    """One value as the server gave it: for diagnosis, not for control."""

    tag: str
    value: Any
    status: int
    source_time: datetime | None
    server_time: datetime | None


class OpcUaPort:
    """A PlantPort (see line.ports) over a secured OPC UA session.

    LOCKSTEP: `read_snapshot` is one StepX call with the full move vector. REALTIME: it writes the queued moves by node,
    waits for the plant's next second and reads every tag with status and source time.
    A set-point that the plant does not take over appears in `unconfirmed_writes`, never silently.
    """

    def __init__(
        self,
        endpoint: str,
        register: TagRegister,
        secrets: Path,
        clock: WallClock,
        *,
        mode: WireMode = WireMode.LOCKSTEP,
        account: Account | None = None,
        timeouts: Timeouts | None = None,
        policy: str = DEFAULT_POLICY,
    ) -> None:
        self._register, self._clock, self._mode = register, clock, mode
        self._session = PlantSession(endpoint, secrets, clock, account=account, timeouts=timeouts, policy=policy)
        self._moves = MoveQueue(register)
        self._exchange: Exchange | None = None
        self._was_open = False

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings of the secrets folder at the last open: certificates that end soon."""
        return self._session.warnings

    def open(self) -> Snapshot:
        """Connect and return the first snapshot; the move vector starts from the set-points the plant shows.

        Raises CertificateError (certificate or secret refused; the line names the check) or CommunicationError (not
        reachable, other mode, other tag register). May be called again after a lost link.
        """
        self._session.connect()
        try:
            self._session.require_contract(self._register, self._mode)
            if self._mode is WireMode.LOCKSTEP:
                self._exchange = LockStep(self._session, self._register)
            else:
                self._exchange = RealTime(self._session, self._register, self._clock)
            result = self._session.run(self._exchange.first(), "first snapshot")
            self._moves.start(result)
        except CommunicationError:
            self._give_up()
            raise
        self._was_open = True
        return Snapshot(self._register, result)

    def write_moves(self, moves: Mapping[str, float]) -> None:
        """Check and queue set-points [plant units] for the next `read_snapshot`. Raises MoveRefused; then none is queued."""
        self._moves.queue(moves)

    def read_snapshot(self) -> Snapshot:
        """Let one second pass and return it.

        Raises CommunicationError within the time limits if the link is lost or data are stale. In REALTIME a lost link
        is opened again by the next call; in LOCKSTEP the caller decides (`open`).
        """
        if self._exchange is None:
            return self._reopened()
        vector, queued = self._moves.outgoing()
        try:
            result, refused = self._session.run(self._exchange.second(vector, queued), "step")
        except CommunicationError as error:
            if not _is_stale_only(error):
                self._give_up()
            raise
        self._moves.confirm(result, refused)
        return Snapshot(self._register, result)

    def unconfirmed_writes(self) -> dict[str, UnconfirmedWrite]:
        """Return the set-points of the last exchange that the plant did not take over, by tag id."""
        return self._moves.unconfirmed()

    def read_tags(self, ids: Sequence[str]) -> list[TagReading]:
        """Read single tags with status and both times. Raises CommunicationError; an unknown tag has a bad status."""
        nodes = [self._session.node(wire.node_identifier(tag_id)) for tag_id in ids]
        readings = self._session.run(self._session.read(nodes), "read")
        return [
            TagReading(
                tag_id,
                data.Value.Value if data.Value is not None else None,
                status_of(data),
                data.SourceTimestamp,
                data.ServerTimestamp,
            )
            for tag_id, data in zip(ids, readings)
        ]

    def close(self) -> None:
        """End the session; never raises, never hangs."""
        self._was_open = False
        self._give_up()

    def _reopened(self) -> Snapshot:
        if self._mode is not WireMode.REALTIME or not self._was_open:
            raise CommunicationError("the port is not open", where=self._session.endpoint, what_now="Call open first.")
        self._clock.sleep_s(RETRY_PACE_S)
        return self.open()

    def _give_up(self) -> None:
        self._exchange = None
        self._session.close()


def _is_stale_only(error: CommunicationError) -> bool:
    """True if the session still answers and only the plant stands still."""
    return error.__cause__ is None
