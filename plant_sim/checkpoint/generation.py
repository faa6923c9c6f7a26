"""One whole state of a plant in one file: what it is, its SHA-256, then an npz with the tree and the numbers."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from line.errors import ConfigurationError
from plant_sim.checkpoint.files import FORMAT, damaged, replace_file
from plant_sim.checkpoint.state import Freezer, Thawer
from plant_sim.plant import Plant

PATTERN = "state-*.npz"
SETUP = "setup.json"
#: Longest first line [bytes].
HEAD_MAX = 1 << 16


@dataclass(frozen=True)
class Generation:
    """A state file that was read and found whole: second k, bytes of truth that belong to it, the npz inside."""

    k: int
    truth_bytes: int
    body: bytes

    def restore(self, plant: Plant) -> None:
        """Bring a plant that was just built to this state. Raises RecordError if it has another structure."""
        with np.load(io.BytesIO(self.body), allow_pickle=False) as archive:
            tree, numbers = json.loads(archive["tree"].tobytes()), archive["numbers"].tobytes()
        memory, at = [], 0
        for dtype, size in tree["memory"]:
            memory.append(np.frombuffer(numbers, np.dtype(dtype), size, at))
            at += memory[-1].nbytes
        state = Thawer(memory).thaw(tree["plant"], plant.state(), "plant")
        plant.take_state(state)


def state_path(folder: Path, k: int) -> Path:
    """Return the file of the state at second k."""
    return folder / f"state-{k:09d}.npz"


def write_generation(folder: Path, plant: Plant, setup: Mapping[str, str], truth_bytes: int) -> None:
    """Write the plant's state whole or not at all. Raises RecordError (disk, or a state that cannot be saved)."""
    freezer = Freezer()
    tree = {"plant": freezer.freeze(plant.state(), "plant"), "memory": [[m.dtype.str, m.size] for m in freezer.memory]}
    numbers = b"".join(m.tobytes() for m in freezer.memory)
    buffer = io.BytesIO()
    np.savez(buffer, tree=np.frombuffer(json.dumps(tree).encode(), np.uint8), numbers=np.frombuffer(numbers, np.uint8))
    body = buffer.getvalue()
    head = {
        "format": FORMAT, "k": plant.k, "setup": dict(setup), "truth_bytes": truth_bytes, "bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }  # fmt: skip
    replace_file(state_path(folder, plant.k), json.dumps(head, sort_keys=True).encode() + b"\n" + body)


def read_generation(path: Path, setup: Mapping[str, str]) -> Generation:
    """Return the state of a file. Raises RecordError if it is damaged, ConfigurationError if it is of another set-up."""
    first, _, body = path.read_bytes().partition(b"\n")
    try:
        head = json.loads(first[:HEAD_MAX])
        found, k, truth_bytes = head["setup"], int(head["k"]), int(head["truth_bytes"])
        whole = (head["format"], head["bytes"], head["sha256"]) == (FORMAT, len(body), hashlib.sha256(body).hexdigest())
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(path, f"its first line cannot be read: {error}") from error
    if not whole:
        raise damaged(path, f"format {head['format']}, {len(body)} of {head['bytes']} bytes, or a wrong SHA-256")
    require_same(path, found, setup)
    return Generation(k, truth_bytes, body)


def keep_setup(folder: Path, setup: Mapping[str, str]) -> None:
    """Write what the plant of this folder is built from; if that is there already, require that it is the same."""
    path = folder / SETUP
    if not path.exists():
        replace_file(path, json.dumps({"format": FORMAT, "setup": dict(setup)}, indent=1, sort_keys=True).encode() + b"\n")
        return
    try:
        found = json.loads(path.read_bytes())
        form, parts = found["format"], dict(found["setup"])
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(path, f"it cannot be read: {error}") from error
    if form != FORMAT:
        raise damaged(path, f"format {form}, this version reads {FORMAT}")
    require_same(path, parts, setup)


def require_same(path: Path, found: Mapping[str, Any], setup: Mapping[str, str]) -> None:
    """Raise ConfigurationError naming what differs between the set-up of a state and the one that is asked for."""
    differ = sorted(key for key in {*found, *setup} if found.get(key) != setup.get(key))
    if differ:
        short = [key if len(str(setup.get(key))) > 20 else f"{key} {found.get(key)}, not {setup.get(key)}" for key in differ]
        raise ConfigurationError(
            "the state folder belongs to another set-up",
            where=str(path.parent),
            how_much="; ".join(short),
            what_now="Start the plant as it was started then, or name another folder.",
        )
