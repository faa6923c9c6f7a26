"""A feeder line in company is the same line alone, bit for bit, whatever the neighbours suffer."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from line.configuration import LotLoad
from tests.feeder_bench import API, LACTOSE, LUBRICANT, PREMIX, FeederBench

SECONDS = 1300
LOT = (LotLoad(at_s=200, feeder=2, lot="B2", properties="drawn"), LotLoad(at_s=650, feeder=1, lot="A2", purity_pct=-1.0))
#: What line i suffers: (start, end, effect, value, feeder); lines without an entry suffer nothing.
TROUBLES = {
    1: (300, 700, "rat_hole", 0.5, API), 2: (310, 420, "screw_jam", True, LACTOSE),
    3: (100, 900, "refill_blocked", True, PREMIX), 4: (500, 1200, "scale_pulse_kg", 0.01, LUBRICANT),
    5: (200, 1250, "refill_stuck_open", True, PREMIX), 6: (640, 1000, "refill_bump", -2.0, LACTOSE),
}  # fmt: skip


@cache
def run(lines: tuple[int, ...]) -> FeederBench:
    bench = FeederBench(seeds=[10 + i for i in lines], lots=[LOT if i == 0 else () for i in lines])

    def hook(second: int, b: FeederBench) -> None:
        for place, i in enumerate(lines):
            trouble = TROUBLES.get(i)
            if trouble is not None and second == trouble[0]:
                b.fault(trouble[2], trouble[3], trouble[4], place)
            if trouble is not None and second == trouble[1]:
                b.effects.clear(place)
        b.effects.any_active = any(TROUBLES[i][0] <= second < TROUBLES[i][1] for i in lines if i in TROUBLES)
        b.run_lines[:] = not 800 <= second < 830

    return bench.run(SECONDS, hook)


@pytest.mark.parametrize("lines", [(0, 1), (0, 1, 2, 3, 4, 5, 6)], ids=["two", "seven"])
def test_a_line_in_company_is_the_line_alone(lines: tuple[int, ...]) -> None:
    together = run(lines)
    for place, i in enumerate(lines):
        alone = run((i,))
        assert np.array_equal(np.array(together.blends)[:, place], np.array(alone.blends)[:, 0]), i
        assert np.array_equal(together.reading[place], alone.reading[0]), i
        assert np.array_equal(together.loops.total[place], alone.loops.total[0]), i
        assert np.array_equal(together.bank.torque[place], alone.bank.torque[0]), i
        assert np.array_equal(together.bank.hopper.carried[place], alone.bank.hopper.carried[0]), i
        mine = [(second, event) for second, line, event in together.events if line == place]
        assert mine == [(second, event) for second, _, event in alone.events], i


def test_troubles_of_the_run_above_are_felt() -> None:
    quiet = np.array(run((0,)).blends)[:, 0]
    for i in TROUBLES:
        assert not np.allclose(np.array(run((i,)).blends)[:, 0, 1:5].sum(axis=0), quiet[:, 1:5].sum(axis=0), rtol=1e-6)
