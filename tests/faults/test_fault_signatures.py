"""Every named fault against the same seed without it: the tags it moves, which way, how far, when, and what is left of it."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from line.configuration import PlantFault
from line.modes import LineState
from plant_sim.effects import EFFECTS
from plant_sim.fault_library.kind import Move
from plant_sim.faults import FAULTS
from tests.fault_bench import Watched, watch
from tests.plant_bench import RESUME, register

#: Onset, longest duration and end of the run [s].
ONSET, LASTS, END = 600, 480, 1560
#: Set-points of the common shift, plant units: shares of the feeders at 25 and 22 kg/h.
SHARES = (0.08, 0.56, 0.35, 0.01)
#: Main-force set-point by second after the onset, 6.2 kN otherwise; no step is larger than the PLC takes in a second.
FORCE_JUMP_KN = {210: 7.2, 211: 8.1, 212: 8.1, 213: 8.1, 214: 7.2}
#: Windows after the onset in which two signatures are compared [s].
WINDOWS = ((0, 15), (15, 60), (60, 120), (120, 240), (240, 360), (360, 480), (480, 720))
#: Fewer changes than this say nothing of a column's noise: half a per cent of its size is taken.
FEW_RESULTS = 4
#: Seconds over which a running spread is taken.
SPREAD_S = 20
MOVES = [(name, i) for name, kind in FAULTS.items() for i in range(len(kind.signature))]


def lasts(name: str) -> int:
    return min(FAULTS[name].duration_s or LASTS, LASTS)


def shift(second: int, asked: np.ndarray, index: dict[str, int]) -> None:
    """What all lines are told, so that valves, gates and drives have something to do: the gate is closed twice, the
    force set-point jumps for five seconds, a tenth more API is fed for a minute, throughput goes to 22 kg/h for two minutes,
    RESUME is tried three times."""
    after = second - ONSET
    asked[:, index["SP/AcceptRequest"]] = 0.0 if 60 <= after < 75 or 130 <= after < 140 else 1.0
    asked[:, index["SP/MainForce"]] = FORCE_JUMP_KN.get(after, 6.2)
    throughput = 22.0 if 300 <= after < 420 else 25.0
    asked[:, index["SP/Throughput"]] = throughput
    for i, share in enumerate(SHARES):
        more = 1.1 if i == 0 and 240 <= after < 300 else 1.0
        asked[:, index[f"SP/Feeder{i + 1}MassFlow"]] = round(throughput * share * more, 6)
    if after in (200, 500, 620):
        asked[:, index["SP/LineCommand"]] = RESUME


@pytest.fixture(scope="module")
def watched() -> Watched:
    faults = [[], *([PlantFault(name=name, at_s=ONSET, duration_s=lasts(name))] for name in FAULTS)]
    return watch(["", *FAULTS], faults, END, shift)


def running_spread(x: np.ndarray) -> np.ndarray:
    """Standard deviation over the last SPREAD_S seconds at each second."""
    padded = np.concatenate((np.full(SPREAD_S - 1, x[0]), x))
    return np.lib.stride_tricks.sliding_window_view(padded, SPREAD_S).std(axis=1)


def change(watched: Watched, name: str, move: Move) -> np.ndarray:
    """The move's tag with the fault less without it, from the onset on, in the move's direction."""
    spread = move.feature == "spread" and move.tag != "NIR/Spectrum"
    feature = "mean" if move.feature == "spread" else move.feature
    column = watched.columns.index((move.tag, feature))
    sick, well = (np.nan_to_num(watched.of(n)[ONSET:, column]) for n in (name, ""))
    if spread or move.feature == "spread":
        sick, well = running_spread(sick), running_spread(well)
    return move.sign * (sick - well)


@pytest.mark.parametrize(("name", "i_move"), MOVES)
def test_a_fault_moves_its_tag_as_far_and_as_soon_as_it_says(name: str, i_move: int, watched: Watched) -> None:
    move = FAULTS[name].signature[i_move]
    moved = change(watched, name, move)
    size = float(moved[move.from_s : move.to_s].mean())
    assert move.least <= size <= move.most, f"{move.tag} {move.feature}: moved {move.sign * size:+.4g}"
    seen = np.flatnonzero(moved >= move.least / 2)
    assert seen.size, f"{move.tag} {move.feature}: never seen"
    assert move.seen_s[0] <= seen[0] <= move.seen_s[1], f"{move.tag} {move.feature}: seen after {seen[0]} s"


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_nothing_differs_before_the_onset(name: str, watched: Watched) -> None:
    assert np.array_equal(watched.of(name)[: ONSET - 1], watched.of("")[: ONSET - 1], equal_nan=True)


@pytest.mark.parametrize("name", [name for name, kind in FAULTS.items() if kind.recovers_s is not None])
def test_what_goes_away_is_gone_when_it_says(name: str, watched: Watched) -> None:
    kind = FAULTS[name]
    gone = lasts(name) + kind.course.fade_s + (kind.recovers_s or 0)
    moved = change(watched, name, kind.signature[0])
    assert gone + 40 <= END - ONSET, "the run is too short to see it"
    assert abs(float(moved[gone : gone + 40].mean())) < kind.signature[0].least / 2


def signature(watched: Watched, name: str, noise: np.ndarray, size: float) -> np.ndarray:
    """Signs of what moves by more than `size` times its own noise in each window, (windows, 2 x columns): mean, spread."""
    sick, well = (np.nan_to_num(watched.of(n)[ONSET:]) for n in (name, ""))
    signs = []
    for start, end in WINDOWS:
        mean = (sick[start:end] - well[start:end]).mean(axis=0)
        spread = sick[start:end].std(axis=0) - well[start:end].std(axis=0)
        moved = np.concatenate((mean, spread)) / np.tile(noise, 2)
        signs.append(np.sign(moved) * (np.abs(moved) > size))
    return np.array(signs)


def own_noise(well: np.ndarray) -> np.ndarray:
    """Standard deviation of each column from its changes, those of results that arrive now and then by themselves."""
    jumps = np.nan_to_num(np.diff(well, axis=0))
    moved = jumps != 0.0
    number = np.maximum(moved.sum(axis=0), 1)
    off = np.where(moved, jumps - jumps.sum(axis=0) / number, 0.0)
    size = np.abs(np.nan_to_num(well)).max(axis=0)
    least = np.where(moved.sum(axis=0) < FEW_RESULTS, 5e-3, 1e-6) * size + 1e-9
    return np.maximum(np.sqrt((off**2).sum(axis=0) / number / 2.0), least)


def test_no_two_faults_share_a_signature(watched: Watched) -> None:
    noise = own_noise(watched.of("")[300:ONSET])
    clear = {name: signature(watched, name, noise, 1.0) for name in FAULTS}
    faint = {name: signature(watched, name, noise, 0.25) for name in FAULTS}
    alike = []
    for one, other in combinations(FAULTS, 2):
        # somewhere one moves clearly what the other does not move at all, or moves the other way
        apart = ((clear[one] != 0) & (faint[other] != clear[one])) | ((clear[other] != 0) & (faint[one] != clear[other]))
        if not apart.any():
            alike.append((one, other))
    assert alike == []


def test_at_most_three_faults_a_mechanism_and_every_effect_has_one() -> None:
    assert max(Counter(kind.mechanism for kind in FAULTS.values()).values()) <= 3
    assert {effect for kind in FAULTS.values() for effect in kind.mechanism} == set(EFFECTS)
    assert len(FAULTS) >= 44


def test_every_fault_says_what_it_is() -> None:
    known = set(register().scalar_ids) | set(register().array_ids)
    for name, kind in FAULTS.items():
        assert len(kind.meaning) > 30 and kind.recovery and kind.signature, name
        assert set(kind.moves) <= known, name
        assert all(0 < move.least <= move.most and 0 <= move.from_s < move.to_s <= END - ONSET for move in kind.signature), name


def test_every_line_makes_tablets_again_at_the_end(watched: Watched) -> None:
    state = watched.columns.index(("Sys/LineState", "mean"))
    made = watched.columns.index(("Press/TabletsMade", "mean"))
    at_rest = [name for name in FAULTS if watched.of(name)[-1, state] != float(LineState.EXECUTE)]
    assert at_rest == []
    slow = [name for name in FAULTS if watched.of(name)[-1, made] - watched.of(name)[-61, made] < 20 * 60]
    assert slow == []
