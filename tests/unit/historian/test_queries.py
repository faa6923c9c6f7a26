"""Reading a record back."""

from __future__ import annotations

from pathlib import Path

import pytest

from historian.queries import RecordReader
from historian.record import Record
from line.clock import ManualClock
from line.errors import RecordError
from tests.record_bench import SMALL
from tests.synthetic_lot import write_lot


@pytest.fixture(scope="module")
def lot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "lot"
    write_lot(folder, seconds=700, truth=False)
    return folder


def test_frames_parcels_decisions_events_come_back(lot: Path) -> None:
    with RecordReader(lot) as reader:
        frames = reader.frames()
        assert frames.steps.tolist() == list(range(1, 701))
        assert frames.values.shape == (700, len(reader.register.scalar_ids)) == frames.quality.shape
        assert frames.column("Feeder1/Setpoint")[0] == 2.0
        assert [p["step"] for p in reader.parcels()] == list(range(1, 701))
        assert len(reader.decisions()) == 140
        assert [body["reason"] for _, body in reader.events()] == ["START", "REFILL", "END"]
        assert reader.verdict() == reader.last("lot_verdict") != None  # noqa: E711
        assert reader.last("nothing of that kind") is None
        assert reader.last_step == 700
        assert reader.meta["seed"] == 7


def test_entries_between_two_seconds_come_in_order(lot: Path) -> None:
    with RecordReader(lot) as reader:
        entries = list(reader.entries(first_step=100, last_step=101))
        assert {entry.step for entry in entries} == {100, 101}
        assert [entry.seq for entry in entries] == sorted(entry.seq for entry in entries)
        assert [entry.step for entry in reader.entries("frame", 10, 12)] == [10, 11, 12]
        assert sum(reader.kinds().values()) == reader.n_entries


def test_spectra_come_back_with_what_identifies_them(lot: Path) -> None:
    with RecordReader(lot) as reader:
        spectra = reader.arrays("spectrum")
    step, tag, sample, identity = spectra[1]
    assert (step, tag, sample.values.shape, sample.source_step) == (10, "NIR/Spectrum", (404,), 10)
    assert identity == {"spectrum_id": 2, "reference_id": 1, "integration_ms": 30, "serial": 4711, "probe": 1}


def test_bytes_are_not_json(tmp_path: Path) -> None:
    with Record.create(tmp_path / "lot", {}, ManualClock(), register=SMALL) as record:
        record.append_bytes("content", "frame", 1, b"\x01\x02")
        record.append_bytes("content", "list", 1, b"[1]")
        record.commit()
        with RecordReader(tmp_path / "lot") as reader:
            for kind in ("frame", "list"):
                with pytest.raises(RecordError, match="is not"):
                    reader.bodies(kind)
            with pytest.raises(RecordError, match="does not fit"):
                reader.frames()
