"""Entry hashes and the byte form of bodies."""

from __future__ import annotations

import math
from hashlib import sha256
from typing import Any

import numpy as np
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from historian.chain import body_bytes, entry_hash, genesis, record_hash
from line.errors import RecordError
from line.records import Disposition, plain

FINITE = st.floats(allow_nan=False, allow_infinity=False, width=64)
LEAF = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | FINITE | st.text(max_size=8)
BODY = st.dictionaries(st.text(max_size=6), st.recursive(LEAF, lambda inner: st.lists(inner, max_size=4), max_leaves=12))


@given(BODY)
def test_a_body_has_the_bytes_of_the_reference_implementation(body: dict[str, Any]) -> None:
    assert body_bytes(body) == rfc8785.dumps(plain(body))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (math.nan, "null"),
        (math.inf, "null"),
        (-0.0, "0"),
        (100.0, "100"),
        (1e-5, "0.00001"),
        (1e-7, "1e-7"),
        (1 / 3, "0.333333333"),
        (1e16, "10000000000000000"),
        (1.5e21, "1.5e+21"),
        ("e-mail", '"e-mail"'),
        ("\u00b5\x01\n", '"\u00b5\\u0001\\n"'),
        (np.float64(2.5), "2.5"),
        (np.int64(3), "3"),
        (np.bool_(True), "true"),
        (Disposition.HOLD, '"HOLD"'),
        ((1, 2.0), "[1,2]"),
        (True, "true"),
    ],
)
def test_a_value_is_written_as_rfc_8785_says(value: object, written: str) -> None:
    assert body_bytes({"v": value}) == f'{{"v":{written}}}'.encode()


@pytest.mark.parametrize("value", [object(), {1, 2}, 2**53, -(2**53), "\ud800"])
def test_what_json_has_no_word_for_is_refused_in_one_line(value: object) -> None:
    with pytest.raises(RecordError, match="not JSON") as caught:
        body_bytes({"v": value})
    assert "\n" not in caught.value.line()


def test_the_hash_is_what_the_page_says() -> None:
    """Built by hand from the layout in docs/record.md."""
    previous = genesis("content")
    assert previous == sha256(b"kilter record 1 content").digest()
    step = (7).to_bytes(8, "little", signed=True)
    assert entry_hash(previous, "content", 99, "event", 7, b"{}") == sha256(previous + b"\x05event" + step + b"{}").digest()
    seq = (99).to_bytes(8, "little", signed=True)
    wall = genesis("wall")
    assert entry_hash(wall, "wall", 99, "event", 7, b"{}") == sha256(wall + seq + b"\x05event" + step + b"{}").digest()
    assert record_hash(previous, wall) == sha256(previous + wall).hexdigest()


def test_two_ways_to_cut_kind_and_body_do_not_meet() -> None:
    start = genesis("content")
    assert entry_hash(start, "content", 1, "ab", 0, b"c") != entry_hash(start, "content", 1, "a", 0, b"bc")
