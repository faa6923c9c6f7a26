"""One byte form for each value."""

from __future__ import annotations

import math

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from line.canonical import canonical_json, content_hash, quantise, sha256_hex


def test_the_published_example_of_rfc_8785_gives_its_published_bytes() -> None:
    """RFC 8785, section 3.2.2 (input) and 3.2.4 (UTF-8 bytes of the canonical form)."""
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"\u002f",
        "literals": [None, True, False],
    }
    assert canonical_json(value) == bytes.fromhex(
        "7b226c69746572616c73223a5b6e756c6c2c747275652c66616c73655d2c226e"
        "756d62657273223a5b3333333333333333332e333333333333332c31652b3330"
        "2c342e352c302e3030322c31652d32375d2c22737472696e67223a22e282ac24"
        "5c75303030665c6e4127425c225c5c5c5c5c222f227d"
    )


def test_key_order_does_not_matter() -> None:
    assert canonical_json({"b": 1, "a": [1.0, 2]}) == canonical_json({"a": [1, 2.0], "b": 1}) == b'{"a":[1,2],"b":1}'


def test_sha_256_of_the_published_message() -> None:
    """FIPS 180-4 example: the one-block message 'abc'."""
    assert sha256_hex(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_content_hash_is_the_hash_of_the_canonical_bytes() -> None:
    assert content_hash({"a": 1}) == sha256_hex(b'{"a":1}')


@pytest.mark.parametrize("value", [math.nan, math.inf, {"x": [math.nan]}, 2**53 + 1])
def test_what_json_cannot_say_exactly_is_refused(value: object) -> None:
    with pytest.raises(rfc8785.CanonicalizationError):
        canonical_json(value)


@pytest.mark.parametrize(
    ("value", "kept"),
    [(1.0000000004, 1.0), (1.0000000006, 1.000000001), (-0.0, 0.0), (math.nan, None), (math.inf, None), (-math.inf, None)],
)
def test_quantise(value: float, kept: float | None) -> None:
    result = quantise(value)
    assert result == kept
    if result == 0.0:
        assert math.copysign(1.0, result) == 1.0, "minus zero would be a second byte form of zero"


@given(st.floats(-1e6, 1e6))
def test_quantise_twice_is_quantise_once(value: float) -> None:
    once = quantise(value)
    assert once is not None and quantise(once) == once and abs(once - value) <= 5.1e-10 + 1e-16 * abs(value)
