"""The registered t95 against the recipe's residence times."""

from __future__ import annotations

import pytest

from kilter.residence import residence_faults, t95_slowest_s
from tests.release_line import LINE, RECIPE


def test_t95_at_the_slowest_throughput() -> None:
    # process description of the reference line: about 473 s at 18 kg/h (tanks in series, computed independently)
    assert t95_slowest_s(RECIPE) == pytest.approx(473, rel=0.01)


@pytest.mark.parametrize(("throughput", "t95_s"), [(20, 437), (25, 374), (27, 352)])
def test_t95_at_other_throughputs(throughput: float, t95_s: float) -> None:
    rtd = RECIPE.rtd.model_copy(update={"throughput_min_kg_per_h": float(throughput)})
    assert t95_slowest_s(RECIPE.model_copy(update={"rtd": rtd})) == pytest.approx(t95_s, rel=0.01)


def test_a_shorter_registration_is_a_fault_that_names_the_number() -> None:
    assert residence_faults(LINE, RECIPE, "line.toml") == []
    (fault,) = residence_faults(LINE.model_copy(update={"t95_slowest_s": 400.0}), RECIPE, "line.toml")
    assert fault.key == "t95_slowest_s"
    assert "at least 47" in fault.remedy
