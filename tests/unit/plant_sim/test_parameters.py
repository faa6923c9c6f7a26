"""Parameters: every value with unit, source and range; draws stay inside."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from line.errors import ConfigurationFaults
from plant_sim.parameters import DRAW_LIMIT_SIGMA, Quantity, draw_parameters, load_parameters
from tests.plant_bench import CONFIGS, line, nominal

FILE = CONFIGS / "materials" / "reference-line.toml"


def quantities(group: BaseModel, path: str = "") -> Iterator[tuple[str, Quantity]]:
    for name in type(group).model_fields:
        item = getattr(group, name)
        if isinstance(item, Quantity):
            yield f"{path}{name}", item
        elif isinstance(item, BaseModel):
            yield from quantities(item, f"{path}{name}.")


def test_draws_stay_within_range_and_two_sigma() -> None:
    reference = dict(quantities(nominal()))
    for seed in range(30):
        for path, drawn in quantities(draw_parameters(nominal(), seed)):
            kept = reference[path]
            assert kept.low <= drawn.value <= kept.high, path
            reach = DRAW_LIMIT_SIGMA * (kept.sigma or 0.0)
            assert abs(drawn.value - kept.value) <= reach + 1e-12, path


def test_draws_repeat_by_seed_and_differ_between_seeds() -> None:
    assert draw_parameters(nominal(), 7) == draw_parameters(nominal(), 7)
    assert draw_parameters(nominal(), 7) != draw_parameters(nominal(), 8)


def test_scales_agree_well_enough_for_a_ledger_within_0_3_per_cent() -> None:
    shares = nominal().plc.shares()
    for seed in range(200):
        plant = draw_parameters(nominal(), seed)
        scales_in = sum(s * f.scale_span_error.value for s, f in zip(shares, plant.feeders.each(), strict=True))
        out = plant.chute.accepted_scale_span_error.value
        assert abs(scales_in - out) < 0.2


def test_refill_levels_are_those_of_the_installed_line() -> None:
    for feeder, installed in zip(nominal().feeders.each(), line().feeders, strict=True):
        assert feeder.refill_request.value == installed.refill_request_kg
        assert feeder.refill_complete.value == installed.refill_complete_kg


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ('unit = "kN/mm"', 'unit = "kN/inch"', "kN/inch"),
        ('unit = "kN/mm"', 'unit = "N"', "press_stiffness"),
        ("low = 32, high = 150", "low = 150, high = 32", "swap them"),
        ('value = 60, unit = "kN/mm"', 'value = 600, unit = "kN/mm"', "outside"),
        ("[hopper]", "[hopper]\nvolume = 3", "volume"),
        ('id = "reference-line"', 'id = "Reference Line"', "id"),
    ],
)
def test_a_fault_in_the_file_is_named(old: str, new: str, word: str, tmp_path: Path) -> None:
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    spoiled = tmp_path / "line.toml"
    spoiled.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigurationFaults) as caught:
        load_parameters(spoiled)
    assert word in caught.value.tree()


def test_every_value_of_the_file_names_its_source() -> None:
    content = tomllib.loads(FILE.read_text(encoding="utf-8"))
    assert len(list(quantities(nominal()))) > 150
    assert all(band["source"] == "estimate" for band in content["bands"])
