"""What both ends of the wire agree on: addresses, methods, the frame's form, the files of the secrets folder.

The plant server and the engine's client import this and not each other. No socket and no OPC UA library here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from line.canonical import content_hash
from line.samples import StepResult, Vector
from line.tags import TagRegister

NAMESPACE = "urn:kilter:plant"
SERVER_URI = "urn:kilter:plant-server"
ENGINE_URI = "urn:kilter:engine"
VIEWER_URI = "urn:kilter:viewer"
LINE_FOLDER = "Line1"

#: Nodes below the line's folder that are not tags.
NODE_MODE = f"{LINE_FOLDER}/Wire/Mode"
NODE_REGISTER_HASH = f"{LINE_FOLDER}/Wire/RegisterHash"
METHOD_STEP = f"{LINE_FOLDER}/StepX"
METHOD_LAST = f"{LINE_FOLDER}/LastX"

USER_CONTROL = "apc"
USER_VIEW = "viewer"

#: Files of the secrets folder.
TRUST_FOLDER, CRL_FOLDER, AUTHORITY_FOLDER = "trusted", "crl", "authority"
AUTHORITY_NAME, PLANT_NAME, ENGINE_NAME, VIEWER_NAME = "authority", "plant", "engine", "viewer"
USERS_FILE = "users.json"


class WireMode(StrEnum):
    """LOCKSTEP: StepX advances the plant by one second. REALTIME: the plant runs freely, one second a second."""

    LOCKSTEP = "LOCKSTEP"
    REALTIME = "REALTIME"


def node_identifier(tag_id: str) -> str:
    """Return the OPC UA string identifier of a tag.

    >>> node_identifier("Feeder2/MassFlow")
    'Line1/Feeder2/MassFlow'
    """
    return f"{LINE_FOLDER}/{tag_id}"


def certificate_file(name: str) -> str:
    """Return the file name of an application certificate (DER)."""
    return f"{name}.der"


def key_file(name: str) -> str:
    """Return the file name of a private key (PEM, mode 0600)."""
    return f"{name}.key.pem"


def secret_file(user: str) -> str:
    """Return the file name that holds a user's plain secret (client side only, mode 0600)."""
    return f"{user}.secret"


def register_hash(register: TagRegister) -> str:
    """Return the hash of the tag register: both ends must have the same, because frames are positional."""
    return content_hash([tag.model_dump() for tag in register.tags.values()])


def encode_events(events: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the PLC's messages as JSON texts. Raises ValueError for NaN and TypeError for what JSON cannot say."""
    return [json.dumps(dict(event), sort_keys=True, separators=(",", ":"), allow_nan=False) for event in events]


def decode_events(texts: Sequence[str]) -> tuple[Mapping[str, Any], ...]:
    """Return the PLC's messages from JSON texts. Raises ValueError if a text is not a JSON object."""
    events = tuple(json.loads(text) for text in texts)
    if not all(isinstance(event, dict) for event in events):
        raise ValueError("an event is not a JSON object")
    return events


def array_on_wire(register: TagRegister, tag_id: str, values: Vector) -> NDArray[np.float64]:
    """Return a vector tag's values with the resolution of the wire: a FloatArray has single precision."""
    if register[tag_id].type == "FloatArray":
        return np.asarray(values, dtype=np.float32).astype(np.float64)
    return np.asarray(values, dtype=np.float64)


def on_wire(register: TagRegister, result: StepResult) -> StepResult:
    """Return a step result exactly as it arrives over the wire, so that a run without sockets has equal content."""
    return StepResult(
        step=int(result.step),
        values=np.asarray(result.values, dtype=np.float64),
        statuses=np.asarray(result.statuses, dtype=np.uint32),
        source_steps=np.asarray(result.source_steps, dtype=np.int64),
        arrays={
            tag_id: _array_entry(register, tag_id, result.arrays[tag_id])
            for tag_id in register.array_ids
            if tag_id in result.arrays
        },
        events=decode_events(encode_events(result.events)),
    )


def _array_entry(register: TagRegister, tag_id: str, entry: tuple[Vector, int, int]) -> tuple[Vector, int, int]:
    values, status, source_step = entry
    return array_on_wire(register, tag_id, values), int(status), int(source_step)
