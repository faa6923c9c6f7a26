"""The official table of Ph. Eur. 2.9.47 as a file that a person has transcribed from the licensed text and signed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from line.canonical import canonical_json
from line.errors import DataError
from rtr.statistics.large_samples import Table, table_from

WHERE = "Ph. Eur. 2.9.47 table"
SIGNED = ("rows", "source", "signed_by", "meaning")
MEANING = "transcribed from the licensed text and checked against it"


def sign_table(rows: Sequence[tuple[int, float, int]], source: str, signed_by: str, private_key_pem: bytes) -> str:
    """Return the signed file of rows (n, k, c2). Errors: DataError for rows that make no table, an empty name or source, a
    key that is not Ed25519."""
    table = table_from(rows, source)
    if not source.strip() or not signed_by.strip():
        raise DataError("a signature needs a name and a source", where=WHERE, what_now="Say who signs, and which text.")
    body: dict[str, Any] = {
        "rows": [[r.n, r.k, r.c2] for r in table.rows], "source": source, "signed_by": signed_by, "meaning": MEANING,
    }  # fmt: skip
    try:
        key = load_pem_private_key(private_key_pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise DataError(
            "the key cannot be read", where=WHERE, how_much=str(error), what_now="Give an Ed25519 key, PEM."
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise DataError("the key is not Ed25519", where=WHERE, what_now="openssl genpkey -algorithm ed25519")
    return json.dumps({**body, "signature": key.sign(canonical_json(body)).hex()}, indent=2) + "\n"


def read_signed_table(text: str, public_key_pem: bytes) -> Table:
    """Return the table if its signature is that of the trusted key.

    Errors: DataError for a file without signature, changed by one character since it was signed, signed by another key, or
    whose rows make no table. Nothing is read from it in that case.
    """
    try:
        content = json.loads(text)
        body, signature = {key: content[key] for key in SIGNED}, bytes.fromhex(content["signature"])
        rows = [(int(n), float(k), int(c2)) for n, k, c2 in content["rows"]]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise DataError(
            "the table is not signed", where=WHERE, how_much=f"{type(error).__name__}: {error}",
            what_now="Sign it: kilter release sign-table.",
        ) from error  # fmt: skip
    try:
        key = load_pem_public_key(public_key_pem)
        if not isinstance(key, Ed25519PublicKey):
            raise DataError("the key is not Ed25519", where=WHERE, what_now="Give the signer's public key, PEM.")
        key.verify(signature, canonical_json(body))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise DataError("the signer's key cannot be read", where=WHERE, how_much=str(error)) from error
    except InvalidSignature as error:
        raise DataError(
            "the signature does not fit",
            where=WHERE,
            what_now="The table was changed after it was signed, or another key signed it.",
        ) from error
    return table_from(rows, f"{content['source']}; signed by {content['signed_by']}")
