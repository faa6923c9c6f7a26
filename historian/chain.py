"""One hash a record entry, chained within its stream, so that any change breaks everything after it."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import rfc8785

from line.canonical import quantise
from line.errors import RecordError
from line.ports import Stream

STREAMS: tuple[Stream, Stream] = ("content", "wall")
HASH_BYTES = 32
MAX_KIND_BYTES = 40
_STEP = struct.Struct("<q")
MAX_INTEGER = 2**53 - 1
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode


def genesis(stream: Stream) -> bytes:
    """Return the (32,) byte hash that the first entry of a stream is chained to."""
    return sha256(f"kilter record 1 {stream}".encode()).digest()


def entry_hash(previous: bytes, stream: Stream, seq: int, kind: str, step: int, body: bytes) -> bytes:
    """Return H(previous || seq of wall entries || length and name of kind || step || body), SHA-256.

    The sequence number is part of wall hashes only: content hashes must not depend on how often the wall stream
    spoke, and wall hashes pin every content entry to its place between them.
    """
    name = kind.encode()
    place = _STEP.pack(seq) if stream == "wall" else b""
    return sha256(b"".join((previous, place, bytes((len(name),)), name, _STEP.pack(step), body))).digest()


def record_hash(content_head: bytes, wall_head: bytes) -> str:
    """Return the hash over both chain heads, hexadecimal."""
    return sha256(content_head + wall_head).hexdigest()


def body_bytes(body: Mapping[str, Any]) -> bytes:
    """Return the RFC 8785 form of a body; non-finite numbers become null, floats are rounded to the recorded decimals.

    The standard encoder is several times faster and writes the same bytes wherever text is ASCII and no number needs
    an exponent (both write the shortest digits that give the number back); any other body goes through the reference
    implementation. Raises RecordError for a value that JSON has no word for.
    """
    try:
        value = _form(body)
        text = _encode(value)
        if text.isascii() and "e-" not in text and "e+" not in text:
            return text.encode()
        return rfc8785.dumps(value)
    except (AttributeError, TypeError, ValueError, rfc8785.CanonicalizationError) as error:
        raise RecordError(
            "a record entry is not JSON", how_much=str(error), what_now="Give words, numbers, lists and tables only."
        ) from error


def _form(value: Any) -> Any:
    """Return `line.records.plain(value)` with whole floats as integers, as RFC 8785 writes them. Raises ValueError."""
    if isinstance(value, float):
        number = quantise(value)
        return int(number) if number is not None and number.is_integer() and abs(number) <= MAX_INTEGER else number
    if isinstance(value, str) or value is None or isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        return {str(key): _form(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_form(item) for item in value]
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise ValueError(f"integer {value} is beyond 2^53 - 1")
        return int(value)
    return _form(value.item())
