"""Generator of uniformity.json: USP <905> with exact rational arithmetic, written apart from the code under test.

Run: python tests/golden/uniformity_generate.py > tests/golden/uniformity.json
"""

from __future__ import annotations

import json
import sys
from decimal import Decimal, getcontext

getcontext().prec = 40
SETS = [
    ("published-package-example", list(range(95, 105)), None, "100"),
    ("flat-83.5-is-exactly-15", ["83.5"] * 10, None, "100"),
    ("flat-83.4-goes-on", ["83.4"] * 10, [100] * 20, "100"),
    ("mean-on-98.5", ["100.5", "96.5", "99.5", "97.5", "101.5", "95.5", "99", "98", "98.5", "98.5"], None, "100"),
    (
        "target-105",
        [112, 118, 95, 109, 121, 104, 99, 117, 110, 113],
        [108, 111, 105, 109, 110, 112, 104, 107, 113, 106] * 2,
        "105",
    ),
    ("two-heaps", [88] * 5 + [112] * 5, [100] * 20, "100"),
    ("one-unit-of-70", [70] + [100] * 9, [101] * 20, "100"),
    ("wide", [80, 85, 90, 95, 100, 105, 110, 115, 120, 100], [84, 88, 92, 96, 100, 104, 108, 112, 116, 120] * 2, "100"),
]


def value(units: list[Decimal], k: Decimal, target: Decimal) -> tuple[Decimal, Decimal]:
    n = Decimal(len(units))
    mean = sum(units) / n
    s = (sum((x - mean) ** 2 for x in units) / (n - 1)).sqrt()
    high = target if target > Decimal("101.5") else Decimal("101.5")
    m = Decimal("98.5") if mean < Decimal("98.5") else high if mean > high else mean
    return abs(m - mean) + k * s, m


def case(name: str, ten: list[object], twenty: list[object] | None, t: str) -> dict[str, object]:
    first, target = [Decimal(str(x)) for x in ten], Decimal(t)
    av, _ = value(first, Decimal("2.4"), target)
    verdict, av_30 = ("PASS_S1" if av <= 15 else "CONTINUE_S2"), None
    if av > 15 and twenty is not None:
        units = first + [Decimal(str(x)) for x in twenty]
        av_30, m = value(units, Decimal(2), target)
        inside = all(Decimal("0.75") * m <= x <= Decimal("1.25") * m for x in units)
        verdict = "PASS_S2" if av_30 <= 15 and inside else "FAIL"
    return {
        "id": name, "units_10": [float(x) for x in first],
        "units_20": None if twenty is None else [float(str(x)) for x in twenty],
        "target": float(target), "acceptance_value_10": float(av),
        "acceptance_value_30": None if av_30 is None else float(av_30), "verdict": verdict,
    }  # fmt: skip


if __name__ == "__main__":
    json.dump({"cases": [case(*row) for row in SETS]}, sys.stdout, indent=1)
    sys.stdout.write("\n")
