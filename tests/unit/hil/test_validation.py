"""The validation's own arithmetic: each number against one worked out by hand, by another formula or by another program."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.wiring import LineFiles, load_files
from hil.figures import Figure
from hil.validation.drive import without_noise
from hil.validation.ensemble import LotLogs, LotPlan, run_lots
from hil.validation.feeder_noise import slope_noise
from hil.validation.funnel import Funnel, flow_change
from hil.validation.press_gains import gain_of_heckel, heckel_line, read_yield_table, uncalibrated_gain_figure
from hil.validation.real_batches import (
    LOG_FEATURES,
    PREDICTED,
    Comparison,
    Feature,
    _in_samples,
    compare,
    log_features,
    spread_figures,
    stop_figure,
    table_features,
)
from hil.validation.real_data import FIT_CODES, BatchLog, read_batches, read_logs
from hil.validation.report import page_text, write_page
from hil.validation.residence import Pulse, attenuation, residence_figures
from hil.validation.suite import Validation
from hil.virtual_plant import reference_plant
from line.errors import ConfigurationFaults, DataError

CONFIGS = Path(__file__).resolve().parents[3] / "configs"


@pytest.fixture(scope="module")
def files() -> LineFiles:
    return load_files(CONFIGS)


@pytest.mark.parametrize(("tank_s", "noise_s"), [(30.0, 1.0), (100.0, 10.0), (100.0, 60.0)])
def test_attenuation_of_one_tank_is_the_closed_form(tank_s: float, noise_s: float) -> None:
    """AR(1) with a = exp(-1/tank) fed by AR(1) noise r: var ratio (1 - a)/(1 + a) (1 + a r)/(1 - a r)."""
    a, r = np.exp(-1.0 / tank_s), np.exp(-1.0 / noise_s)
    share = (1.0 - a) * a ** np.arange(3000)
    expected = np.sqrt((1.0 - a) / (1.0 + a) * (1.0 + a * r) / (1.0 - a * r))
    assert attenuation(share, noise_s) == pytest.approx(expected, rel=1e-6)


def test_residence_figures_of_a_known_pulse() -> None:
    share = np.zeros(1000)
    share[200:282] = 1.0  # even between 200 and 282 s: mean 240.5, sigma 82/sqrt(12)
    found = {f.name: f for f in residence_figures(Pulse(share, share))}
    assert found["rtd_mean_s"].value == pytest.approx(240.5) and found["rtd_mean_s"].holds
    assert found["rtd_sigma_s"].value == pytest.approx(np.sqrt((82**2 - 1) / 12)) and not found["rtd_sigma_s"].holds
    assert found["rtd_t50_s"].value == pytest.approx(240.5, abs=0.6)


def test_flow_and_potency_change_of_an_interruption() -> None:
    # 12 s without API: -7.3 % of API flow is -6.6 % of concentration in an 8 % product (by hand: 0.927/0.99416 - 1)
    assert float(flow_change(0.927 / (1 - 0.08 * 0.073) - 1.0)) == pytest.approx(-0.073, rel=1e-9)


def test_slope_noise_formula() -> None:
    # published examples: 0.5 g over 10 s 0.062 kg/h; 0.05 g over 20 s 0.002 kg/h
    assert slope_noise(0.5e-3, 10.0) * 3600 == pytest.approx(0.062, abs=0.0005)
    assert slope_noise(0.05e-3, 20.0) * 3600 == pytest.approx(0.0022, abs=0.0001)


def test_heckel_line_and_gain() -> None:
    pressure = np.linspace(20e6, 200e6, 12)
    density = 1.0 - np.exp(-pressure / 86e6 - 0.61)
    yield_pa, intercept = heckel_line(density, pressure)
    assert yield_pa == pytest.approx(86e6, rel=1e-9) and intercept == pytest.approx(0.61, rel=1e-9)
    area, k, rho, set_height = np.pi * 16e-6, 60e6, 1480.0, 3.373e-3

    def mass(force: float) -> float:
        return float(rho * area * (set_height + force / k) * (1.0 - np.exp(-force / area / 86e6 - 0.61)))

    step = 1.0
    by_difference = (2 * step / 6200.0) / np.log(mass(6200 + step) / mass(6200 - step))
    solid = 1.0 - np.exp(-6200 / area / 86e6 - 0.61)
    assert gain_of_heckel(86e6, 0.61, solid) == pytest.approx(by_difference, rel=2e-3)


@pytest.mark.data
def test_gain_of_published_constants(data_dir: Path) -> None:
    # computed elsewhere from the same table: Py 82.6 MPa, A 0.70; d ln F/d ln W 4.26-4.60 for in-die D 0.85-0.89
    path = data_dir / "compaction_facts/mcc_ph102_dpc_cap_hardening.csv"
    yield_pa, intercept = heckel_line(*read_yield_table(path))
    assert yield_pa == pytest.approx(82.6e6, rel=0.01) and intercept == pytest.approx(0.70, abs=0.01)
    figure = uncalibrated_gain_figure(path)
    assert figure.low == pytest.approx(4.26, abs=0.02) and figure.high == pytest.approx(4.60, abs=0.02)
    assert figure.kind == PREDICTED and figure.holds


@pytest.mark.data
def test_features_of_the_real_table(data_dir: Path) -> None:
    # 5 % / median / 95 % over all 1,005 batches, computed elsewhere from the same table
    batches = read_batches(data_dir / "zagar_mihelic_2022")
    published = {
        "weight_rsd_pct": (0.64, 0.97, 1.82), "srel_over_weight_rsd": (2.6, 4.24, 5.9), "srel_pct": (2.8, 4.2, 6.1),
        "force_cv_pct": (0.95, 1.46, 7.8), "depth_cv_pct": (0.57, 1.09, 2.35), "tensile_strength_mpa": (0.91, 1.15, 1.79),
    }  # fmt: skip
    assert batches.code.size == 1005 and not np.isin(batches.code, FIT_CODES).all()
    for name, expected in published.items():
        assert np.nanpercentile(batches.features[name], (5, 50, 95)) == pytest.approx(expected, rel=0.015), name
    assert batches.others("srel_pct").size == 1005 - 24
    assert not set(batches.by_code("srel_pct")) & set(FIT_CODES)


@pytest.mark.data
def test_features_of_the_real_logs(data_dir: Path) -> None:
    logs = read_logs(data_dir / "zagar_mihelic_2022")
    assert len(logs) == 24
    found = log_features(logs)
    # the first batch of code 3 (number 19): 0.1187 of force 6.2566 kN and 0.0415 of depth 6.566 mm in the feature table
    force = logs[0].force_kn[logs[0].production]
    assert force.mean() == pytest.approx(6.2566, rel=1e-4) and force.std(ddof=1) == pytest.approx(0.1187, abs=5e-4)
    assert 0.01 <= np.median(found["depth_step_median_mm"]) <= 0.04


def test_absent_or_wrong_data_is_a_line(tmp_path: Path) -> None:
    for reader in (read_batches, read_logs):
        with pytest.raises(DataError) as caught:
            reader(tmp_path)
        assert "\n" not in caught.value.line()
    table = tmp_path / "table.csv"
    table.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(DataError, match="hydrostatic"):
        read_yield_table(table)


def test_a_distance_is_in_widths_of_the_real_middle_half_and_a_miss_says_why() -> None:
    real = np.linspace(0.0, 4.0, 401)  # middle half 1..3: width 2
    near = Comparison("x", Feature("mm", PREDICTED, "a doubt"), real + 1.0, real, "somewhere")
    assert near.distance == pytest.approx(0.5)
    assert all(figure.holds and not figure.reason for figure in near.figures())
    far = Comparison("x", Feature("mm", PREDICTED, "a doubt"), real + 5.0, real, "somewhere")
    assert [figure.holds for figure in far.figures()] == [False, False]
    assert {figure.reason for figure in far.figures()} == {"a doubt"}
    assert far.figures()[0].body()["kind"] == PREDICTED


def log(depth: list[float], force: list[float], running: list[bool] | None = None) -> BatchLog:
    on = np.array(running if running is not None else [True] * len(depth))
    return BatchLog(on, on, np.array(force), np.array(depth))


def test_moves_are_counted_between_neighbours_in_production_only() -> None:
    depth = [6.50, 6.50, 6.52, 6.52, 6.55, 9.00, 6.55, 6.55]
    on = [True, True, True, True, True, False, True, True]
    found = {name: values[0] for name, values in log_features([log(depth, [6.2, 6.3] * 4, on)]).items()}
    assert set(found) == set(LOG_FEATURES)
    assert found["depth_moves_pct"] == pytest.approx(100 * 2 / 5)  # five neighbours in production, two of them moved
    assert found["depth_step_median_mm"] == pytest.approx(0.025)
    assert found["force_autocorrelation_10_s"] == pytest.approx(-1.0)


def lots(n: int = 3) -> LotLogs:
    """Lots of four log lines: the first sets up, the rest is production."""
    running = np.ones((4, n), np.bool_)
    production = running.copy()
    production[0] = False
    force = np.array([[7.0] * n, [6.0] * n, [6.2] * n, [6.4] * n])
    srel, ejection = (
        np.array([[8.0] * n, [4.0] * n, [5.0] * n, [3.0] * n]),
        np.array([[1.0] * n, [180.0] * n, [186.0] * n, [192.0] * n]),
    )
    mass = np.array([[1000.0, 225e3, 225e3 * 225 + 1000 * 2.25**2 * (i + 1)] for i in range(n)])
    hardness = np.array([[1000.0, 70e3, 70e3 * 70 + 1000 * 7.0**2]] * n)
    return LotLogs(
        running, production, force, np.full((4, n), 6.5) + np.arange(n) * 0.1, srel, ejection, np.full(n, 1000.0),
        np.full(n, 7.0), np.full(n, 2.0), np.full(n, 500.0), mass, np.full(n, 1.5), hardness, np.ones(n), 8e-3,
    )  # fmt: skip


def long_lots(n: int) -> LotLogs:
    """Lots of 200 log lines drawn from a seed."""
    chance, shape = np.random.default_rng(5), (200, n)
    on = np.ones(shape, np.bool_)
    production = on.copy()
    production[:17] = False
    depth = np.round(6.5 + 0.02 * np.cumsum(chance.standard_normal(shape), axis=0), 2)
    force, srel = 6.2 + 0.1 * chance.standard_normal(shape), 4.2 + 0.5 * chance.standard_normal(shape)
    whole = {"running": on, "production": production, "force_kn": force, "depth_mm": depth, "srel_pct": srel}
    return replace(lots(n), **whole, ejection_n=31.0 * force)


def test_features_of_simulated_lots_by_hand() -> None:
    found = {name: values[0] for name, values in table_features(lots()).items()}
    assert found["weight_rsd_pct"] == pytest.approx(1.0)
    assert found["srel_pct"] == 4.0 and found["srel_over_weight_rsd"] == pytest.approx(4.0)
    assert found["srel_set_up_over_production"] == 2.0 and found["srel_max_over_mean"] == 1.25
    assert found["force_cv_pct"] == pytest.approx(100 * 0.2 / 6.2)
    assert found["ejection_over_force_pct"] == pytest.approx(3.0) and found["ejection_range_pct"] == pytest.approx(
        100 * 12 / 186
    )
    assert found["hardness_over_weight_range"] == pytest.approx(np.hypot(10.0, 4.0))
    assert found["rejected_running_pct"] == pytest.approx(0.2) and found["rejected_set_up_tablets"] == 7.0


def test_a_lot_that_stood_most_of_the_time_is_left_out() -> None:
    logs = long_lots(4)
    logs.production[20:, 2] = False
    chosen = logs.with_production()
    assert chosen.n_lots == 3 and chosen.mass.shape == (3, 3) and chosen.force_kn.shape == (200, 3)
    assert np.array_equal(chosen.mass, logs.mass[[0, 1, 3]]) and np.array_equal(chosen.srel_pct[:, 2], logs.srel_pct[:, 3])
    assert chosen.diameter_m == logs.diameter_m


def test_lots_repeat_by_seed_and_are_told_of(files: LineFiles) -> None:
    told: list[tuple[int, int]] = []
    plan = LotPlan(lots=2, minutes=8, stops_per_hour=0.0, seed=3)
    first = run_lots(files, plan, lambda done, total: told.append((done, total)))
    assert told == sorted(told) and told[-1] == (960, 960)
    again = run_lots(files, plan, lambda done, total: None)
    assert all(np.array_equal(getattr(first, name), getattr(again, name)) for name in vars(first))
    other = run_lots(files, LotPlan(lots=2, minutes=8, stops_per_hour=0.0, seed=4), lambda done, total: None)
    assert not np.array_equal(first.force_kn, other.force_kn)
    assert (first.made > 1000).all() and first.production.any(axis=0).all()


def test_a_plant_without_noise_has_none_and_keeps_what_is_named(files: LineFiles) -> None:
    nominal = reference_plant(files)
    quiet = without_noise(nominal, keep=("scale_noise",), also=("main_height",))
    assert quiet.feeders.api.flow_noise.value == 0.0 and quiet.fill.tablet_sigma.value == 0.0
    assert quiet.feeders.api.scale_noise == nominal.feeders.api.scale_noise
    assert quiet.compaction.main_height.value == 0.0 and quiet.compaction.yield_pressure == nominal.compaction.yield_pressure
    with pytest.raises(ConfigurationFaults, match="1 fault"):
        reference_plant(files, "c")


def validation(data: Path | None) -> Validation:
    """A whole validation of made-up lots: what the page needs."""
    pulse = Pulse(np.ones(10), np.ones(10))
    funnel = Funnel(np.full((6, 3), 9.0), np.full((6, 3), 6.0), np.full((6, 3), 9.0))
    comparisons: list[Comparison] = []
    figures = [
        Figure("good", 1.0, "1", "theory", at_least=0.5, at_most=2.0, kind="verified"),
        Figure("bad", 3.0, "mm", "practice", at_most=2.0, kind=PREDICTED, reason="it is too large"),
    ]
    if data is not None:
        batches, logs = read_batches(data), read_logs(data)
        comparisons = compare(long_lots(40), batches, logs)
        figures += [figure for comparison in comparisons for figure in comparison.figures()]
        figures += [*spread_figures(long_lots(40), batches), stop_figure(long_lots(40), logs)]
    return Validation(tuple(figures), tuple(comparisons), pulse, funnel, lots(), LotPlan(3, 30))


@pytest.mark.data
def test_the_page_tells_every_figure_and_what_does_not_match(data_dir: Path, tmp_path: Path) -> None:
    found = validation(data_dir / "zagar_mihelic_2022")
    written = write_page(found, tmp_path)
    assert [path.name for path in written] == [
        "validation.md", "validation-residence.svg", "validation-funnel.svg", "validation-lots.svg",
    ]  # fmt: skip
    page = written[0].read_text(encoding="utf-8")
    assert all(f"`{figure.name}`" in page for figure in found.figures)
    assert "- `bad`: asked <= 2, is 3: it is too large." in page
    assert all(path.stat().st_size > 5000 for path in written)
    again = {path.name: path.read_bytes() for path in write_page(found, tmp_path / "images")}
    assert all(path.read_bytes() == again[path.name] for path in written), "the same findings give the same bytes"


def test_a_sample_of_twenty_blurs_a_standard_deviation_by_a_sixth() -> None:
    """Relative standard deviation of a standard deviation of n normal values: 1/sqrt(2 (n - 1)) = 0.162 for n = 20."""
    shown = _in_samples(np.full(4000, 1.0))
    assert shown.mean() == pytest.approx(0.987, abs=0.01)  # c4 of 20 values
    assert shown.std() == pytest.approx(1 / np.sqrt(38), rel=0.05)


def test_the_committed_page_has_at_least_eight_predicted_figures(repository: Path) -> None:
    page = (repository / "docs/validation.md").read_text(encoding="utf-8")
    predicted = page.split("## Predicted")[1].split("\n## ")[0]
    assert sum(line.startswith("| `") for line in predicted.splitlines()) >= 8
    for line in page.splitlines():
        if "**no**" in line and line.startswith("| `"):
            name = line.split("`")[1]
            assert f"- `{name}`: asked" in page, f"{name} does not hold and nothing says why"


def test_counts_by_kind() -> None:
    found = validation(None)
    assert found.counts == {"verified": (1, 1), PREDICTED: (0, 1)}
    assert "| predicted | 0 | 1 |" in page_text(found)
