"""`--variant` and `--plant-seed`: another plant under the same seed of chance, said in the record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hil.virtual_plant import PlantChoice
from historian.queries import RecordReader
from kilter import main


def simulated(capsys: pytest.CaptureFixture[str], runs: Path, *words: str) -> dict[str, Any]:
    command = ["simulate", "--scenario", "quiet", "--minutes", "1", "--controller", "plc", "--runs", str(runs), "--json"]
    assert main.run([*command, *words]) == 0
    body: dict[str, Any] = json.loads(capsys.readouterr().out)
    with RecordReader(runs / body["lot"]) as reader:
        return {**body, "opened": dict(reader.opened)}


def test_the_record_says_which_plant_it_was(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    usual = simulated(capsys, tmp_path)
    other = simulated(capsys, tmp_path, "--variant", "b", "--plant-seed", "5")
    assert (usual["opened"]["plant_variant"], usual["opened"]["plant_seed"]) == ("a", 1)
    assert (other["opened"]["plant_variant"], other["opened"]["plant_seed"]) == ("b", 5)
    assert usual["content_hash"] != other["content_hash"]
    assert PlantChoice().seed(7) == 7 and PlantChoice("b", 5).seed(7) == 5


def test_a_variant_that_does_not_exist_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["simulate", "--variant", "c"]) == 2
    assert "variant" in capsys.readouterr().err
