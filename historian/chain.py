"""One hash a record entry, chained within its stream, so that any change breaks everything after it."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import rfc8785

from line.errors import RecordError
from line.ports import Stream
from line.records import plain

STREAMS: tuple[Stream, Stream] = ("content", "wall")
HASH_BYTES = 32
MAX_KIND_BYTES = 40
_STEP = struct.Struct("<q")
_SLOW_FORM = re.compile(r"\d[eE][-+]?\d|\d{16}")
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

    The standard encoder is ten times faster and writes the same bytes wherever no number needs an exponent or more
    than 15 digits in a row and all text is ASCII; any other body goes through the reference implementation.
    Raises RecordError for a value that JSON has no word for.
    """
    try:
        value = _integral(plain(body))
        text = _encode(value)
        if text.isascii() and not _SLOW_FORM.search(text):
            return text.encode()
        return rfc8785.dumps(value)
    except (AttributeError, TypeError, ValueError, rfc8785.CanonicalizationError) as error:
        raise RecordError(
            "a record entry is not JSON", how_much=str(error), what_now="Give words, numbers, lists and tables only."
        ) from error


def _integral(value: Any) -> Any:
    """Return the value with whole floats as integers, as RFC 8785 writes them."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, dict):
        return {key: _integral(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_integral(item) for item in value]
    return value
