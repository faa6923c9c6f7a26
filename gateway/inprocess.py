"""The plant in the same process, behind the same port: no sockets, equal content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gateway.moves import MoveQueue, UnconfirmedWrite
from line import wire
from line.errors import CommunicationError
from line.samples import Snapshot, StepResult
from line.tags import TagRegister


class LocalPlant(Protocol):
    """A stepped plant that also tells its state before the first step."""

    def initial(self) -> StepResult:
        """Return the frame of second 0."""

    def step(self, k: int, request_id: int, setpoints: NDArray[np.float64]) -> StepResult:
        """Advance from second k to k + 1; see line.ports.SteppedPlant."""


class InProcessPort:
    """A PlantPort (see line.ports) over a plant object.

    Values have the resolution of the wire (spectra in single precision), so that a run without sockets and a run over
    OPC UA in LOCKSTEP with one seed have equal content.
    """

    def __init__(self, plant: LocalPlant, register: TagRegister) -> None:
        self._plant, self._register = plant, register
        self._moves = MoveQueue(register)
        self._last: StepResult | None = None

    def open(self) -> Snapshot:
        """Return the snapshot before the first step; after a step, the newest one. Raises CommunicationError."""
        if self._last is None:
            self._last = wire.on_wire(self._register, self._plant.initial())
        self._moves.start(self._last)
        return Snapshot(self._register, self._last)

    def write_moves(self, moves: Mapping[str, float]) -> None:
        """Queue set-points [plant units]; see line.ports.PlantPort. Raises MoveRefused."""
        self._moves.queue(moves)

    def read_snapshot(self) -> Snapshot:
        """Let one second pass and return it. Raises CommunicationError if the port is not open."""
        if self._last is None:
            raise CommunicationError("the port is not open", where="in process", what_now="Call open first.")
        k = self._last.step
        vector, _ = self._moves.outgoing()
        result = wire.on_wire(self._register, self._plant.step(k, k + 1, vector))
        self._moves.confirm(result)
        self._last = result
        return Snapshot(self._register, result)

    def unconfirmed_writes(self) -> dict[str, UnconfirmedWrite]:
        """Return the set-points of the last exchange that the plant did not take over, by tag id."""
        return self._moves.unconfirmed()

    def close(self) -> None:
        """Do nothing: there is no session."""
