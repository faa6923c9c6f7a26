"""One seed repeats a shift; another seed or one digit of the recipe changes it."""

from __future__ import annotations

from dataclasses import replace

from historian.verify import verify
from tests.shift_bench import FILES, run

MINUTES = 6


def test_the_same_seed_repeats_the_content_and_not_the_record() -> None:
    first, second, other = run(minutes=MINUTES), run(minutes=MINUTES), run(minutes=MINUTES, seed=2)
    assert first.result.content_hash == second.result.content_hash
    assert first.result.content_hash != other.result.content_hash
    assert verify(first.folder).holds


def test_one_digit_of_the_recipe_changes_the_content() -> None:
    rules = FILES.recipe.rules.model_copy(update={"ledger_gap_max_pct": 0.51})
    changed = replace(FILES, recipe=FILES.recipe.model_copy(update={"rules": rules}))
    assert run(minutes=MINUTES).result.content_hash != run(minutes=MINUTES, files=changed).result.content_hash
