"""The tag register: what it holds, and that every bad row is named at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from line.errors import ConfigurationFaults
from line.tags import Tag, TagRegister, load_register

HEADER = "id,type,size,unit,low,high,sample_s,max_age_s,access,owner,role,description\n"
GOOD = "Press/MainForceMean,Double,1,kN,0,20,1,2,r,PLC,evidence,Mean main force\n"

# name, row, words the fault must hold
BAD_ROWS = [
    ("unknown unit", "Press/A,Double,1,lbf,0,20,1,2,r,PLC,evidence,x", "unit 'lbf' is not known"),
    ("range the wrong way round", "Press/B,Double,1,kN,20,0,1,2,r,PLC,evidence,x", "low 20.0 is not below high 0.0"),
    ("array without size", "Press/C,DoubleArray,1,kN,0,20,1,2,r,PLC,evidence,x", "size 1 does not fit"),
    ("scalar with size", "Press/D,Double,4,kN,0,20,1,2,r,PLC,evidence,x", "size 4 does not fit"),
    ("unknown type", "Press/E,Float,1,kN,0,20,1,2,r,PLC,evidence,x", "Input should be 'Double'"),
    ("unknown owner", "Press/F,Double,1,kN,0,20,1,2,r,MES,evidence,x", "Input should be 'PLC'"),
    ("writable by nobody", "Press/G,Double,1,kN,0,20,1,2,rw,PLC,evidence,x", "needs an owner other than PLC"),
    ("words for a number", "Press/H,Double,1,kN,low,20,1,2,r,PLC,evidence,x", "valid number"),
    ("id without folder", "PressI,Double,1,kN,0,20,1,2,r,PLC,evidence,x", "should match pattern"),
    ("negative age", "Press/J,Double,1,kN,0,20,1,-2,r,PLC,evidence,x", "greater than or equal to 0"),
    ("no description", "Press/K,Double,1,kN,0,20,1,2,r,PLC,evidence,", "at least 1 character"),
    ("a column too few", "Press/L,Double,1,kN,0,20,1,2,r,PLC,evidence", "valid string"),
    ("a column too many", "Press/M,Double,1,kN,0,20,1,2,r,PLC,evidence,x,y", "Extra inputs are not permitted"),
]


def write(folder: Path, text: str) -> Path:
    path = folder / "tags.csv"
    path.write_text(text, encoding="utf-8")
    return path


def faults_of(path: Path) -> ConfigurationFaults:
    with pytest.raises(ConfigurationFaults) as caught:
        load_register(path)
    return caught.value


@pytest.mark.parametrize(("name", "row", "words"), BAD_ROWS, ids=[name for name, _, _ in BAD_ROWS])
def test_a_bad_row_is_named_with_line_and_remedy(tmp_path: Path, name: str, row: str, words: str) -> None:
    faults = faults_of(write(tmp_path, HEADER + GOOD + row + "\n")).faults
    assert len(faults) == 1, faults
    assert faults[0].key.startswith(f"line 3 {row.split(',')[0]}")
    assert words in faults[0].remedy


def test_all_bad_rows_are_named_at_once(tmp_path: Path) -> None:
    error = faults_of(write(tmp_path, HEADER + "".join(row + "\n" for _, row, _ in BAD_ROWS)))
    assert [fault.key.split()[1] for fault in error.faults] == [str(n) for n in range(2, 2 + len(BAD_ROWS))]
    assert f"{len(BAD_ROWS)} faults" in error.line()
    assert error.tree().count("\n      ") == len(BAD_ROWS)


def test_a_tag_twice_is_refused(tmp_path: Path) -> None:
    (fault,) = faults_of(write(tmp_path, HEADER + GOOD + GOOD)).faults
    assert (fault.key, fault.value) == ("line 3 id", "Press/MainForceMean")


@pytest.mark.parametrize("text", ["", HEADER], ids=["empty", "header only"])
def test_a_register_without_tags_is_refused(tmp_path: Path, text: str) -> None:
    (fault,) = faults_of(write(tmp_path, text)).faults
    assert fault.key == "rows"


def test_missing_and_binary_files_are_refused_in_words(tmp_path: Path) -> None:
    assert faults_of(tmp_path / "absent.csv").faults[0].value == "unreadable"
    (tmp_path / "tags.csv").write_bytes(b"\xff\xfe\x00id")
    assert faults_of(tmp_path / "tags.csv").faults[0].value == "not CSV in UTF-8"


@pytest.fixture(scope="module")
def register(repository: Path) -> TagRegister:
    return load_register(repository / "configs/line/tags.csv")


def test_scalars_arrays_and_setpoints_part_the_register(register: TagRegister) -> None:
    assert len(register) == len(register.scalar_ids) + len(register.array_ids)
    assert set(register.scalar_ids) == set(register.measured_ids) | set(register.setpoint_ids)
    assert not set(register.measured_ids) & set(register.setpoint_ids)
    assert [register.scalar_index[i] for i in register.scalar_ids] == list(range(len(register.scalar_ids)))
    assert [register.setpoint_index[i] for i in register.setpoint_ids] == list(range(len(register.setpoint_ids)))


def test_columns_are_in_scalar_order_and_cannot_be_changed(register: TagRegister) -> None:
    index = register.scalar_index["SP/Feeder1MassFlow"]
    assert register.si_factor[index] == pytest.approx(1 / 3600)
    assert (register.low[index], register.high[index]) == register.setpoint_range("SP/Feeder1MassFlow")
    with pytest.raises(ValueError, match="read-only"):
        register.low[index] = 0.0


def test_only_the_setpoint_folder_is_writable(register: TagRegister) -> None:
    for tag in register.tags.values():
        assert (tag.access == "rw") == tag.id.startswith("SP/") == (tag.owner != "PLC"), tag.id


def test_no_tag_tells_the_truth_of_the_simulation(register: TagRegister) -> None:
    """The wire carries what instruments say; the truth of a simulated plant has no tag."""
    assert not [i for i in register.tags if "truth" in i.lower() or "true" in i.lower()]


def test_ranges_of_counters_are_exact_in_a_double(register: TagRegister) -> None:
    for tag in register.tags.values():
        if tag.type == "Int64":
            assert tag.high <= 2**53 and float(np.float64(tag.high)) == int(tag.high)


def test_a_tag_is_frozen(register: TagRegister) -> None:
    tag = register["SP/Throughput"]
    assert isinstance(tag, Tag)
    with pytest.raises(ValueError, match="frozen"):
        tag.high = 1e9  # type: ignore[misc]
