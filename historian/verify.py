"""Proof that a record is what was written: both chains, the stored state and the seal are computed again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from historian.chain import HASH_BYTES, MAX_KIND_BYTES, STREAMS, entry_hash, genesis, record_hash
from historian.queries import Entry, RecordReader
from historian.seal import file_sha256, read_seal
from line.errors import RecordError
from line.ports import Stream

_INT64 = 1 << 63


@dataclass(frozen=True)
class Verification:
    """What the proof found.

    holds: every entry and the end of the record are as written; status and reason as in `RecordReader`; fault: the
    first thing that is not, in words; first_bad: its sequence number (None if no single entry is to blame); hashes as
    computed from the entries, not as stored.
    """

    holds: bool
    status: str
    reason: str
    n_entries: int
    first_bad: int | None
    fault: str
    content_hash: str
    record_hash: str


def verify(folder: Path) -> Verification:
    """Return whether the record of a run folder is whole and unchanged.

    Finds a changed bit of any entry or hash, a deleted, moved, repeated or inserted entry (the first one out of place
    is named), a shortened end (by the stored state and the seal) and any other change of a sealed file. Against a
    forger who computes every hash again, seal included, only a signature or a copy elsewhere helps. Raises
    RecordError if the file cannot be read as a record at all.
    """
    with RecordReader(folder) as reader:
        walk = _Walk()
        first_bad: int | None = None
        fault = ""
        for entry in reader.entries():
            fault = walk.step(entry)
            if fault:
                first_bad = entry.seq if isinstance(entry.seq, int) else None
                break
        fault = fault or _end_fault(reader, walk) or _seal_fault(folder, reader, walk)
        heads = walk.heads
        return Verification(
            not fault,
            reader.status,
            reader.reason,
            walk.n_entries,
            first_bad,
            fault,
            heads["content"].hex(),
            record_hash(heads["content"], heads["wall"]),
        )


class _Walk:
    """The chains as far as they have been computed again."""

    def __init__(self) -> None:
        self.heads: dict[Stream, bytes] = {stream: genesis(stream) for stream in STREAMS}
        self.n_entries = 0
        self.last: Entry | None = None

    def step(self, entry: Entry) -> str:
        """Take one entry; return what is wrong with it, or nothing."""
        expected = self.n_entries + 1
        name = f"entry {entry.seq} ({str(entry.stream)[:20]} {str(entry.kind)[:40]}, second {entry.step})"
        if entry.seq != expected:
            return f"{name} follows entry {self.n_entries}: entry {expected} is missing"
        if not _well_formed(entry):
            return f"{name} is malformed"
        stream: Stream = "content" if entry.stream == "content" else "wall"
        if self.last is not None and self.last.kind == "closed":
            return f"{name} was added after the record was closed"
        digest = entry_hash(self.heads[stream], stream, entry.seq, entry.kind, entry.step, entry.body)
        if digest != entry.hash:
            return f"{name} does not match its hash: it was changed, moved, repeated or put in"
        self.heads[stream], self.n_entries, self.last = digest, expected, entry
        return ""


def _well_formed(entry: Entry) -> bool:
    return (
        entry.stream in STREAMS
        and isinstance(entry.kind, str)
        and 0 < len(entry.kind.encode("utf-8", "surrogatepass")) <= MAX_KIND_BYTES
        and isinstance(entry.step, int)
        and -_INT64 <= entry.step < _INT64
        and isinstance(entry.body, bytes)
        and isinstance(entry.hash, bytes)
        and len(entry.hash) == HASH_BYTES
    )


def _end_fault(reader: RecordReader, walk: _Walk) -> str:
    """Compare the end that was reached with the state stored with every commit."""
    try:
        n_stored, content_hash, whole_hash = reader.n_entries, reader.content_hash, reader.record_hash
    except RecordError as error:
        return error.line()
    if walk.n_entries != n_stored:
        return f"the record ends at entry {walk.n_entries}, but {n_stored} were committed: its end was cut off"
    if content_hash != walk.heads["content"].hex() or whole_hash != record_hash(walk.heads["content"], walk.heads["wall"]):
        return "the stored state does not match the chains: it was changed"
    last_close = reader.last("close")
    closed = walk.last is not None and walk.last.kind == "closed"
    if reader.status in ("complete", "incomplete") and closed != (last_close is not None):
        return "the record has only half of its closing entries"
    if closed and last_close is not None and (last_close["status"], last_close["reason"]) != (reader.status, reader.reason):
        return f"the state says {reader.status}, the closing entry says {last_close['status']}: the state was changed"
    if not closed and reader.status == "complete":
        return "the state says complete, but there is no closing entry: the end was cut off"
    return ""


def _seal_fault(folder: Path, reader: RecordReader, walk: _Walk) -> str:
    """Compare a closed record with its seal."""
    seal = read_seal(folder)
    closed = walk.last is not None and walk.last.kind == "closed"
    if seal is None:
        return "the record is closed, but its seal is missing" if closed else ""
    computed = (walk.heads["content"].hex(), record_hash(walk.heads["content"], walk.heads["wall"]), walk.n_entries)
    if (seal.content_hash, seal.record_hash, seal.n_entries) != computed:
        return f"the record ends at entry {walk.n_entries}, but its seal names other hashes and entry {seal.n_entries}"
    if (seal.status, seal.reason) != (reader.status, reader.reason):
        return f"the seal says {seal.status}, the record says {reader.status}"
    if seal.file_sha256 != file_sha256(reader.path):
        return "every entry is whole, but other bytes of the file differ from its seal"
    return ""
