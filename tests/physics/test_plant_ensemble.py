"""A line has the same bits alone or among others, and again in another process."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from engine.wiring import load_files
from hil.plant_speed import hash_of_tags
from hil.validation.drive import Drive, LinePlan
from hil.virtual_plant import reference_plant
from line.configuration import LotLoad, PlantFault
from plant_sim.faults import known_faults
from plant_sim.parameters import draw_parameters

ROOT = Path(__file__).resolve().parents[2]
FILES = load_files(ROOT / "configs")
#: Start-up, steady running with faults, a stop and the restart.
SECONDS = 330
#: Every fault the plant can play, one a line: what a line computes only while some line has a fault must not show in others.
FAULTS = known_faults()
SEVEN = (5, 0, 9, 31, 6, 22, 27)


@cache
def plan(number: int, variant: str) -> LinePlan:
    """Line `number`: a plant, a seed, a lot, a throughput and a fault of its own; line 0 has no fault."""
    name = FAULTS[number % len(FAULTS)]
    faults = (PlantFault(name=name, at_s=150 + number % 90),) if number else ()
    lots = (LotLoad(at_s=50, feeder=1 + number % 4, lot=f"L{number}", bulk_density_pct=float(number % 7 - 3)),)
    parameters = draw_parameters(reference_plant(FILES, variant), number)
    return LinePlan(parameters, 100 + number, faults, lots, 20.0 + number % 6)


def digests(numbers: tuple[int, ...], variant: str) -> list[str]:
    """One SHA-256 a line: every tag, tablet and spectrum of every second."""
    drive, found = Drive(FILES, [plan(n, variant) for n in numbers]), [hashlib.sha256() for _ in numbers]
    while drive.second < SECONDS:
        drive.step()
        lines, tablets = drive.lines, drive.lines.tablets
        for i, digest in enumerate(found):
            digest.update(lines.frame.values[i].tobytes() + lines.frame.statuses[i].tobytes())
            digest.update(lines.path.frame_exit[i].tobytes() + lines.press.station_force[i].tobytes())
            if tablets is not None:
                n = int(tablets.count[i])
                for values in (tablets.mass_kg, tablets.force_n, tablets.strength_pa, tablets.content_kg):
                    digest.update(np.ascontiguousarray(values[i, :n]).tobytes())
            if lines.arrived is not None:
                digest.update(np.ascontiguousarray(lines.arrived.spectra[i]).tobytes())
    return [digest.hexdigest() for digest in found]


@cache
def alone(number: int, variant: str) -> str:
    return digests((number,), variant)[0]


@pytest.mark.parametrize(
    ("numbers", "variant"),
    [((0,), "a"), ((0, 6), "a"), (SEVEN, "a"), (tuple(range(64)), "a"), (SEVEN, "b")],
    ids=["1a", "2a", "7a", "64a", "7b"],
)
def test_a_line_has_the_same_bits_alone_and_among_others(numbers: tuple[int, ...], variant: str) -> None:
    together = dict(zip(numbers, digests(numbers, variant), strict=True))
    for number in (0, 6, 31):
        if number in together:
            assert together[number] == alone(number, variant), f"line {number} of {len(numbers)}"
    assert len(set(together.values())) == len(numbers)


def test_one_seed_gives_the_same_bits_in_another_process() -> None:
    words = (
        "import sys; from pathlib import Path; from engine.wiring import load_files; "
        "from hil.plant_speed import hash_of_tags; "
        "print(hash_of_tags(load_files(Path(sys.argv[1])), 260, 7))"
    )
    command = [sys.executable, "-c", words, str(ROOT / "configs")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120, cwd=ROOT)
    assert done.stdout.strip() == hash_of_tags(FILES, 260, 7)
    assert hash_of_tags(FILES, 260, 8) != done.stdout.strip()
