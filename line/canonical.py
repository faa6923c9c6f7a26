"""One byte form for each value, so that equal content has equal hashes on every machine."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import rfc8785

DECIMALS = 9


def quantise(value: float, decimals: int = DECIMALS) -> float | None:
    """Return `value` rounded to the recorded decimals; NaN and infinities become None (RFC 8785 has no word for them)."""
    if not math.isfinite(value):
        return None
    return round(float(value), decimals) + 0.0


def canonical_json(value: Any) -> bytes:
    """Return the RFC 8785 form of a JSON value. Raises rfc8785.CanonicalizationError on NaN or integers above 2^53."""
    return rfc8785.dumps(value)


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of `data` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def content_hash(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON form of `value`."""
    return sha256_hex(canonical_json(value))
