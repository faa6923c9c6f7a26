"""A strategy for every public record of `line`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pydantic
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from line import clock, configuration, errors, parameter_set, ports, quality, recipe, records, samples, tags, tuning, units
from line.modes import Regime

ROOT = Path(__file__).resolve().parents[1]
REGISTER = tags.load_register(ROOT / "configs/line/tags.csv")

text = st.text(max_size=20)
word = st.from_regex(r"[a-z][a-z0-9_]{0,11}", fullmatch=True)
#: NaN and infinities with it: a record must survive what an instrument says. Numbers of 2^53 and more are outside: their
#: canonical form is a whole number that a reader cannot tell from an exact integer.
number = st.floats(-(2.0**53) + 1, 2.0**53 - 1) | st.sampled_from([math.nan, math.inf, -math.inf])
real = st.floats(-1e9, 1e9)
positive = st.floats(1e-6, 1e6)
step = st.integers(0, 10**9)
json_value = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | number | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
unit = st.sampled_from(sorted(units.UNITS))
share = st.floats(0.01, 100)


def ordered(n: int, low: float = -1e6, high: float = 1e6) -> st.SearchStrategy[list[float]]:
    """Lists of n rising, different numbers."""
    return st.lists(st.floats(low, high), min_size=n, max_size=n, unique=True).map(sorted)


@st.composite
def a_tag(draw: st.DrawFn) -> tags.Tag:
    low, high = draw(ordered(2))
    array, writable = draw(st.booleans()), draw(st.booleans())
    return tags.Tag(
        id=draw(st.from_regex(r"[A-Za-z0-9]{1,10}/[A-Za-z0-9]{1,10}", fullmatch=True)),
        type=draw(st.sampled_from(["FloatArray", "DoubleArray"] if array else ["Double", "Int64"])),
        size=draw(st.integers(2, 4096)) if array else 1,
        unit=draw(unit), low=low, high=high, sample_s=draw(st.floats(0, 86400)), max_age_s=draw(st.floats(0, 86400)),
        access="rw" if writable else "r", owner=draw(st.sampled_from(["APC", "RELEASE", "ENGINE"])) if writable else "PLC",
        role=draw(word), description=draw(word),
    )  # fmt: skip


@st.composite
def a_step_result(draw: st.DrawFn) -> samples.StepResult:
    n = len(REGISTER.scalar_ids)
    return samples.StepResult(
        step=draw(step),
        values=draw(arrays(np.float64, n)),
        statuses=draw(arrays(np.uint32, n)),
        source_steps=draw(arrays(np.int64, n, elements=st.integers(0, 10**9))),
    )


@st.composite
def a_range(draw: st.DrawFn) -> recipe.Range:
    names = ("proven_low", "normal_low", "normal_high", "proven_high")
    return recipe.Range(unit=draw(unit), **dict(zip(names, draw(ordered(4)), strict=True)))


@st.composite
def a_feeder(draw: st.DrawFn) -> configuration.Feeder:
    request, complete = draw(ordered(2, 1e-3, 1e3))
    return configuration.Feeder(
        number=draw(st.integers(1, 4)), component=draw(word), refill_request_kg=request, refill_complete_kg=complete
    )


@st.composite
def a_move_limit(draw: st.DrawFn) -> configuration.MoveLimit:
    low, high = draw(ordered(2))
    return configuration.MoveLimit(tag="SP/MainForce", unit=draw(unit), low=low, high=high, rate_per_decision=draw(positive))


@st.composite
def a_model_parameter(draw: st.DrawFn) -> configuration.ModelParameter:
    low, value, high = draw(ordered(3))
    source = draw(st.sampled_from(["measured", "paper", "estimate"]))
    return configuration.ModelParameter(value=value, unit=draw(unit), source=source, reference="a page", low=low, high=high)


RUN = st.builds(parameter_set.SourceRun, lot=word, content_hash=word, seconds=st.integers(1, 10**6))
GAIN = st.builds(parameter_set.Gain, factor=real, low=real, high=real)
FEED_FACTOR = st.builds(
    parameter_set.FeedFactor, max_g_per_rev=positive, ratio=st.floats(0.01, 1), coefficient_per_kg=positive, level_low_kg=real,
    level_high_kg=real,
)  # fmt: skip


@st.composite
def a_parameter_set(draw: st.DrawFn) -> parameter_set.ParameterSet:
    names = st.sampled_from(["potency", "weight", "api flow", 'a "quoted" name', "back\\slash"])
    return parameter_set.ParameterSet(
        id=draw(st.from_regex(r"[a-z0-9][a-z0-9-]{0,9}", fullmatch=True)), version="1.2.3", hash="", based_on=draw(word),
        made_by=draw(word), runs=draw(st.lists(RUN, max_size=2).map(tuple)),
        model=draw(st.dictionaries(word, a_model_parameter(), min_size=1, max_size=3)),
        noise=draw(st.dictionaries(word, positive, max_size=3)), kept=draw(st.dictionaries(names, word, max_size=2)),
        feed_factors=draw(st.dictionaries(names, FEED_FACTOR, max_size=2)),
        step_gains=draw(st.dictionaries(word, st.dictionaries(names, GAIN, min_size=1, max_size=2), max_size=2)),
    ).sealed()  # fmt: skip


def varied(file: str, model: type[pydantic.BaseModel], *path: str) -> st.SearchStrategy[Any]:
    """The shipped file's (part of a) model with its free numbers scaled; kept only where the model accepts it."""
    content = configuration.read_toml(ROOT / "configs" / file)
    for part in path:
        content = content[part]

    def scaled(key: str, factor: float) -> Any:
        candidate = {**content, key: content[key] * factor}
        try:
            return model.model_validate(candidate)
        except pydantic.ValidationError:
            return model.model_validate(content)

    keys = [key for key, value in content.items() if isinstance(value, float)]
    if not keys:
        return st.just(model.model_validate(content))
    return st.builds(scaled, st.sampled_from(sorted(keys)), st.floats(0.5, 2.0))


RECIPE = "recipes/reference-18mg.toml"
RECORDS: dict[type, st.SearchStrategy[Any]] = {
    errors.Fault: st.builds(errors.Fault, text, text, text, text),
    tags.Tag: a_tag(),
    samples.StepResult: a_step_result(),
    samples.ArraySample: st.builds(
        samples.ArraySample, arrays(np.float64, 3), st.sampled_from(quality.Quality), st.integers(0, 2**32 - 1), step
    ),
    ports.Command: st.builds(
        ports.Command, id=word, verb=st.sampled_from(["mode", "hold", "resume", "stop"]), argument=text, user=text, role=text,
        reason=text, expires=st.integers(0, 10**9).map(clock.simulated_utc),
    ),
    records.Event: st.builds(
        records.Event, reason=st.sampled_from(records.Reason), subject=text, text=text, actor=text, role=text, old=json_value,
        new=json_value, regime=st.sampled_from(Regime), extra=st.dictionaries(text, json_value, max_size=3),
    ),
    records.Alarm: st.builds(records.Alarm),
    records.Decision: st.builds(
        records.Decision, step=step, controller=word, moves=st.dictionaries(word, number, max_size=4), status=text,
        valid=st.booleans(), rung=word, reason=st.none() | st.sampled_from(records.Reason), text=text,
        iterations=st.integers(0, 10**6), cost=number, binding=st.lists(word, max_size=3).map(tuple),
        estimate=st.dictionaries(word, number, max_size=4),
        plan=st.dictionaries(word, st.lists(number, max_size=4).map(tuple), max_size=3),
        limits=st.lists(st.builds(records.BindingLimit), max_size=3).map(tuple),
        asked=st.dictionaries(word, st.lists(number, max_size=4).map(tuple), max_size=3),
    ),
    records.BindingLimit: st.builds(records.BindingLimit),
    records.PlannedDiversion: st.builds(records.PlannedDiversion, from_s=step, to_s=step, open_end=st.booleans()),
    records.Parcel: st.builds(records.Parcel),
    configuration.Position: st.builds(
        configuration.Position, mean_s=st.floats(0, 600), spread_s=st.floats(0, 60), source=word
    ),
    configuration.Geometry: varied("line/reference.toml", configuration.Geometry, "geometry"),
    configuration.Feeder: a_feeder(),
    configuration.LineConfiguration: varied("line/reference.toml", configuration.LineConfiguration),
    configuration.MoveLimit: a_move_limit(),
    configuration.ModelParameter: a_model_parameter(),
    configuration.SoftLimit: st.builds(configuration.SoftLimit, half_width_pct=st.floats(0.1, 100), penalty=positive),
    configuration.ControllerConfiguration: st.builds(
        configuration.ControllerConfiguration, id=st.just("under-test"), horizon_s=st.floats(1, 7200),
        move_blocks=st.lists(st.integers(1, 99), min_size=1, max_size=9).map(tuple),
        moves=st.lists(a_move_limit(), min_size=1, max_size=4).map(tuple), nir_trim_limit_pct=st.floats(0.1, 20),
        weights=st.dictionaries(word, real, max_size=4), move_suppression=st.dictionaries(word, real, max_size=4),
        max_iterations=st.integers(1, 10000), noise=st.dictionaries(word, positive, max_size=3),
        model=st.dictionaries(word, a_model_parameter(), max_size=3),
    ),
    tuning.RatioTuning: st.builds(tuning.RatioTuning, flow_filter_s=st.floats(0, 300), dead_band_pct=st.floats(0, 20)),
    tuning.PidTuning: st.builds(
        tuning.PidTuning, flow_filter_s=st.floats(0, 300), dead_band_pct=st.floats(0, 20), potency_gain=st.floats(0, 10),
        potency_reset_s=st.floats(1, 3600), potency_tracking_s=st.floats(1, 3600), potency_filter_s=st.floats(0, 1800),
        weight_time_s=st.floats(1, 7200), hardness_time_s=st.floats(1, 7200), sample_gap_s=st.floats(1, 1800),
    ),
    tuning.LinearTuning: st.builds(
        tuning.LinearTuning, potency_filter_s=st.floats(0, 1800), level_filter_s=st.floats(0, 1800),
        tester_share=st.floats(0.01, 1), flow_filter_s=st.floats(0, 300),
    ),
    tuning.MoveTuning: st.builds(tuning.MoveTuning, feeder_move_factor=share, press_move_factor=share),
    tuning.BeliefTuning: st.builds(
        tuning.BeliefTuning, nir_error_factor=st.floats(0.1, 10), feed_walk_factor=share, press_walk_factor=share
    ),
    tuning.PidBeliefTuning: varied("controllers/nmpc.toml", tuning.PidBeliefTuning, "tuning", "pid+kalman"),
    tuning.NonlinearTuning: st.builds(tuning.NonlinearTuning, feeder_move_factor=share, nir_error_factor=st.floats(0.1, 10)),
    tuning.HorizonTuning: st.builds(
        tuning.HorizonTuning, window_periods=st.integers(2, 120), stride=st.integers(1, 20),
        loss=st.sampled_from(["squares", "huber", "welsch"]),
    ),
    tuning.Tuning: st.builds(
        tuning.Tuning,
        ratio=st.none() | st.builds(tuning.RatioTuning, flow_filter_s=st.floats(0, 300), dead_band_pct=st.floats(0, 20)),
    ),
    configuration.OperatorAction: st.builds(
        configuration.OperatorAction, at_s=st.integers(0, 604800), action=st.sampled_from(["throughput", "run_out", "mode"]),
        value=real | word,
    ),
    configuration.PlantFault: st.builds(
        configuration.PlantFault, name=word, at_s=st.integers(0, 604800), duration_s=st.none() | st.integers(1, 604800),
        severity=st.none() | real, target=st.none() | word,
    ),
    configuration.LotLoad: st.builds(
        configuration.LotLoad, at_s=st.integers(0, 604800), feeder=st.integers(1, 4), lot=word,
        bulk_density_pct=st.none() | st.floats(-50, 50), compressibility_pct=st.none() | st.floats(-50, 50),
        particle_size_pct=st.none() | st.floats(-80, 200), moisture_w_w=st.none() | st.floats(0, 20),
        purity_pct=st.none() | st.floats(-100, 20), properties=st.sampled_from(["given", "drawn"]),
    ),
    configuration.Expectation: st.tuples(real, real).flatmap(
        lambda pair: st.builds(
            configuration.Expectation, figure=word, at_least=st.just(min(pair)), at_most=st.none() | st.just(max(pair)),
            source=word,
        )
    ),
    configuration.Scenario: varied("scenarios/demo.toml", configuration.Scenario),
    parameter_set.SourceRun: RUN,
    parameter_set.Gain: GAIN,
    parameter_set.FeedFactor: FEED_FACTOR,
    parameter_set.ParameterSet: a_parameter_set(),
    recipe.Range: a_range(),
    recipe.Component: st.builds(
        recipe.Component, name=word, feeder=st.integers(1, 4), fraction_w_w=st.floats(0.001, 0.999)
    ),
    recipe.Product: varied(RECIPE, recipe.Product, "product"),
    recipe.Diversion: varied(RECIPE, recipe.Diversion, "diversion"),
    recipe.Evidence: varied(RECIPE, recipe.Evidence, "evidence"),
    recipe.Sampling: varied(RECIPE, recipe.Sampling, "sampling"),
    recipe.Uniformity: varied(RECIPE, recipe.Uniformity, "uniformity"),
    recipe.DispositionRules: varied(RECIPE, recipe.DispositionRules, "rules"),
    recipe.ReleaseRtd: varied(RECIPE, recipe.ReleaseRtd, "rtd"),
    recipe.WeightMap: varied(RECIPE, recipe.WeightMap, "weight_map"),
    recipe.LotDefinition: varied(RECIPE, recipe.LotDefinition, "lot"),
    recipe.Slices: st.builds(
        recipe.Slices, from_h=st.floats(0, 1000), n_slices=st.integers(2, 1000), n_units=st.integers(2, 30)
    ),
    recipe.LotDesign: varied(RECIPE, recipe.LotDesign, "design"),
    recipe.Recipe: varied(RECIPE, recipe.Recipe),
}  # fmt: skip
