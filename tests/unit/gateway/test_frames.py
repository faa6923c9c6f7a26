"""A frame on the wire: what goes in comes out, and what does not fit is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from asyncua import ua
from hypothesis import given
from hypothesis import strategies as st

from gateway.exchange import decode_frame
from line import wire
from line.samples import StepResult
from plant_sim.wire.space import OUTPUTS, frame_outputs
from tests.first_order_plant import FirstOrderPlant
from tests.wire_bench import register

REGISTER = register()
N = len(REGISTER.scalar_ids)
doubles = st.floats(allow_nan=True, allow_infinity=True, width=64)


def over_the_wire(result: StepResult) -> StepResult:
    """Encode with the library's own binary form and decode it again."""
    outputs = frame_outputs(result)
    raw = b"".join(ua.ua_binary.variant_to_binary(variant) for variant in outputs)
    buffer = ua.utils.Buffer(raw)
    return decode_frame(REGISTER, [ua.ua_binary.variant_from_binary(buffer) for _ in outputs])


def same(a: StepResult, b: StepResult) -> bool:
    return (
        a.step == b.step
        and a.values.tobytes() == b.values.tobytes()
        and a.statuses.tobytes() == b.statuses.tobytes()
        and a.source_steps.tobytes() == b.source_steps.tobytes()
        and list(a.arrays) == list(b.arrays)
        and all(a.arrays[i][0].tobytes() == b.arrays[i][0].tobytes() and a.arrays[i][1:] == b.arrays[i][1:] for i in a.arrays)
        and a.events == b.events
    )


@given(
    some=st.lists(doubles, min_size=1, max_size=6),
    status=st.integers(0, 2**32 - 1),
    step=st.integers(0, 2**40),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_frame_survives_bit_for_bit(some: list[float], status: int, step: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    values, spectrum = np.resize(np.array(some), N), random.normal(0.5, 1.0, 404)
    arrays = {"NIR/Spectrum": (spectrum, status, step), "Press/StationForce": (np.full(36, math.nan), 0, step)}
    frame = StepResult(step, values, np.full(N, status, dtype=np.uint32), np.full(N, step), arrays, ({"code": "Ä", "n": 1},))
    sent = wire.on_wire(REGISTER, frame)
    assert same(over_the_wire(sent), sent)


def test_spectra_have_the_resolution_of_the_wire_and_forces_do_not_lose_any() -> None:
    frame = wire.on_wire(REGISTER, FirstOrderPlant(REGISTER).initial())
    spectrum, force = frame.arrays["NIR/Spectrum"][0], frame.arrays["Press/StationForce"][0]
    assert np.array_equal(spectrum, spectrum.astype(np.float32))
    assert not np.array_equal(force, force.astype(np.float32))
    assert list(frame.arrays) == [i for i in REGISTER.array_ids if i in frame.arrays]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("values", [1.0] * (N - 1)),
        ("statuses", []),
        ("array_ids", ["Feeder1/MassFlow"]),
        ("array_sizes", [3]),
        ("events", ["[1]"]),
        ("events", ["{"]),
    ],
)
def test_a_frame_that_does_not_fit_the_register_is_refused(column: str, value: list[object]) -> None:
    outputs = frame_outputs(wire.on_wire(REGISTER, FirstOrderPlant(REGISTER).step(0, 1, start_vector())))
    position = [name for name, *_ in OUTPUTS].index(column)
    outputs[position] = ua.Variant(value, outputs[position].VariantType, is_array=True)
    with pytest.raises(ValueError):
        decode_frame(REGISTER, outputs)
    with pytest.raises(ValueError, match="outputs"):
        decode_frame(REGISTER, outputs[:-1])


def start_vector() -> np.ndarray:
    frame = FirstOrderPlant(REGISTER).initial()
    return np.array([frame.values[REGISTER.scalar_index[i]] for i in REGISTER.setpoint_ids])


def test_the_register_hash_moves_with_every_digit() -> None:
    from line.tags import TagRegister

    tags = list(REGISTER.tags.values())
    changed = TagRegister([tags[0].model_copy(update={"high": tags[0].high + 1.0}), *tags[1:]])
    swapped = TagRegister([tags[1], tags[0], *tags[2:]])
    assert len({wire.register_hash(r) for r in (REGISTER, changed, swapped)}) == 3


def test_events_that_json_cannot_say_are_refused() -> None:
    with pytest.raises(ValueError):
        wire.encode_events([{"code": math.nan}])
