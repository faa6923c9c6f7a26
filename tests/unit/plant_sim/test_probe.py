"""Near-infrared probes: references, ageing, faults of the instrument, the second probe."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from line.quality import STATUS_BAD_OUT_OF_SERVICE, STATUS_BAD_WAITING_FOR_INITIAL_DATA, STATUS_GOOD
from plant_sim.columns import Columns, group_columns
from plant_sim.effects import FaultEffects
from plant_sim.extents import ACTIVE, API, LACTOSE, LUBRICANT, N_EXTENTS, PREMIX, TOTAL
from plant_sim.instruments.calibration import MeasuredSpectra
from plant_sim.instruments.feed_frame_probe import FeedFrameProbe
from plant_sim.instruments.probe import Air, Probe, Scan
from plant_sim.instruments.spectrometer import Spectrometer, wavenumbers
from plant_sim.plant import Plant, PlantSetup
from tests.plant_bench import Driver, line, nominal, plant, register, scenario

SHARES = {API: 0.08, PREMIX: 0.56, LACTOSE: 0.35, LUBRICANT: 0.01}
CHANCE = ("sampling_sigma", "bias_sigma", "scatter_sigma", "offset_sigma", "photon_noise")
QUIET = dict.fromkeys((*CHANCE, "bias_drift", "fouling_rate", "lamp_rate"), 0.0)
PRESSING, IDLE = np.zeros(1, np.bool_), np.ones(1, np.bool_)


class Bench:
    """One probe, looking every 5 s at the reference blend; chance only where a test asks for it."""

    def __init__(self, measured: MeasuredSpectra | None = None, **values: float) -> None:
        columns = group_columns([nominal()], "nir").values
        columns |= {name: np.array([value]) for name, value in (QUIET | values).items()}
        self.optics = Spectrometer(nominal().bands, float(columns["temperature_effect"][0]))
        self.probe = Probe(Columns(columns), [1], self.optics, [measured])
        self.effects = FaultEffects(1)
        self.powder = np.zeros((1, N_EXTENTS))
        for component, share in SHARES.items():
            self.powder[0, component] = share * 0.007
        self.powder[0, TOTAL], self.powder[0, ACTIVE] = 0.007, 0.08 * 0.007
        self.temperature = 21.0
        self.second = 0

    def set(self, name: str, value: Any) -> Bench:
        getattr(self.effects, name)[0] = value
        self.effects.any_active = True
        return self

    def scan(self, idle: np.ndarray = PRESSING) -> Scan:
        """Go on to the next scan and return it."""
        self.second += 5
        air = Air(np.array([self.temperature]), np.array([0.45]))
        return self.probe._scan(self.second, self.powder, self.effects, air, idle)


def share_seen(bench: Bench, scan: Scan) -> float:
    """Fraction of API by least squares on the pure spectra, offset and slope (noise-free blends are a sum of them)."""
    axis = np.linspace(-0.5, 0.5, 404)
    basis = np.vstack((bench.optics.pure, np.ones(404), axis)).T
    return float(np.linalg.lstsq(basis, scan.spectra[0], rcond=None)[0][0])


# --- noise and bias -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("factor", [1.0, 3.0])
def test_photon_noise_is_the_registered_one_and_a_noisy_detector_multiplies_it(factor: float) -> None:
    clean, bench = Bench().scan().spectra, Bench(photon_noise=0.0004).set("nir_noise", factor)
    residuals = np.array([bench.scan().spectra[0] for _ in range(60)]) - clean
    assert residuals.std() == pytest.approx(0.0004 * factor, rel=0.03)


def test_a_bias_is_what_the_spectrum_says_of_the_api_only() -> None:
    good, biased = Bench(), Bench().set("nir_bias", 0.05)
    assert share_seen(good, good.scan()) == pytest.approx(0.08, rel=1e-6)
    assert share_seen(biased, biased.scan()) == pytest.approx(0.08 * 1.05, rel=1e-6)


def test_bias_drifts_by_a_thousandth_an_hour() -> None:
    bench = Bench(bias_drift=0.1 * 0.01 / 3600.0)
    for _ in range(720):
        scan = bench.scan()
    assert share_seen(bench, scan) / 0.08 - 1.0 == pytest.approx(0.001, rel=0.01)


def test_spot_and_bias_have_the_registered_spread_and_memory() -> None:
    bench = Bench(sampling_sigma=0.015, bias_sigma=0.007, bias_time=50.0)
    window, z = bench.probe._window, np.random.default_rng(3).standard_normal((20000, 2))
    seen = np.array([window.look(bench.powder, one[:1], one[1:], 0.0)[0][0, 0] for one in z]) / 0.08 - 1.0
    assert seen.std() == pytest.approx(np.hypot(0.015, 0.007), rel=0.05)
    both = 0.015**2 * np.exp(-1.0) + 0.007**2 * np.exp(-0.1)
    assert np.mean(seen[1:] * seen[:-1]) == pytest.approx(both, rel=0.06)


# --- axis ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("shift", [-40.0, 5.0, 15.0])
def test_a_shifted_axis_shows_the_spectrum_of_the_neighbouring_wavenumber(shift: float) -> None:
    # an axis that reads 15 1/cm too high shows at 8833 1/cm what the powder absorbs at 8818 1/cm: interpolate the straight
    # spectrum there; points are 7.7 1/cm apart, narrowest band 60 1/cm: linear interpolation errs by h d2/8 = 0.2 %
    straight, shifted = Bench().scan().spectra[0], Bench().set("nir_shift_per_cm", shift).scan().spectra[0]
    axis = wavenumbers()
    inside = (axis - shift > axis[0]) & (axis - shift < axis[-1])
    expected = np.interp(axis[inside] - shift, axis, straight)
    assert np.abs(shifted[inside] - expected).max() < 0.0005
    assert np.abs(shifted - straight).max() > 0.005


# --- slow states and references -----------------------------------------------------------------------------------------
def test_a_film_counts_from_the_last_reference_on_and_costs_energy() -> None:
    bench = Bench(reference_noise=0.0)
    clean = bench.scan().spectra[0]
    bench.set("nir_fouling_au", 0.02)
    fouled = bench.scan()
    assert np.allclose(fouled.spectra[0] - clean, 0.02 * bench.optics.haze, atol=1e-12)
    assert fouled.reference.number[0] == 1 and fouled.reference.energy[0] == 1.0
    bench.probe.references.request(IDLE)
    after = bench.scan()
    assert after.reference.number[0] == 2
    assert np.allclose(after.spectra[0], clean, atol=1e-12)
    expected = np.mean(10.0 ** -(0.02 * np.exp(-2.0 * np.linspace(0.0, 1.0, 404))))
    assert after.reference.energy[0] == pytest.approx(expected, rel=1e-12)


def test_a_tired_lamp_tilts_the_baseline_until_the_next_reference() -> None:
    bench = Bench()
    before = bench.scan().spectra[0]
    bench.set("nir_lamp_au", 0.01)
    tilt = bench.scan().spectra[0] - before
    assert np.allclose(tilt, 0.01 * np.linspace(-0.5, 0.5, 404), atol=1e-12)
    bench.probe.references.request(IDLE)
    assert np.allclose(bench.scan().spectra[0], before, atol=1e-12)


def test_film_grows_only_while_powder_passes_and_goes_with_cleaning() -> None:
    bench = Bench(fouling_rate=0.002 / 3600.0)
    for _ in range(720):
        bench.scan()
    assert bench.probe.references.film[0] == pytest.approx(0.002, rel=1e-9)
    bench.powder[:] = 0.0
    bench.scan()
    assert bench.probe.references.film[0] == pytest.approx(0.002, rel=1e-9)
    bench.probe.references.clean(IDLE)
    assert bench.probe.references.film[0] == 0.0


def test_references_come_at_start_each_half_hour_of_standstill_and_on_request_never_while_pressing() -> None:
    bench = Bench()
    assert bench.probe.references.newest.number[0] == 1
    numbers = [bench.scan(idle=PRESSING).reference.number[0] for _ in range(800)]
    assert set(numbers) == {1}
    idle = [(bench.scan(idle=IDLE), bench.second)[1] for _ in range(1)]
    assert bench.probe.references.newest.number[0] == 2  # overdue: at the first gap
    taken = [bench.scan(idle=IDLE).reference.taken[0] for _ in range(800)]
    assert sorted(set(taken)) == [idle[0], idle[0] + 1800, idle[0] + 3600]
    bench.probe.references.request(IDLE)
    assert bench.scan(idle=PRESSING).reference.number[0] == 5


def test_dark_signal_doubles_every_eight_degrees_and_is_shown_with_its_repeatability() -> None:
    bench = Bench(reference_noise=0.0)
    cold = bench.probe.references.newest.dark[0]
    bench.temperature = 29.0
    bench.probe.references.request(IDLE)
    assert bench.scan().reference.dark[0] == pytest.approx(2.0 * cold)
    noisy = Bench(reference_noise=0.001)
    seen = []
    for _ in range(1500):
        noisy.probe.references.request(IDLE)
        seen.append(noisy.scan().reference.energy[0])
    assert np.std(seen) == pytest.approx(0.001, rel=0.07)


# --- out, frozen, measured ----------------------------------------------------------------------------------------------
def test_a_frozen_instrument_repeats_its_last_spectrum_bit_for_bit_under_new_numbers() -> None:
    bench = Bench(photon_noise=0.0004)
    last = bench.scan()
    bench.set("nir_frozen", True)
    frozen = [bench.scan() for _ in range(3)]
    assert all(np.array_equal(s.spectra, last.spectra) and s.status[0] == STATUS_GOOD for s in frozen)
    assert [s.number - last.number for s in frozen] == [1, 2, 3]
    bench.set("nir_frozen", False)
    assert not np.array_equal(bench.scan().spectra, last.spectra)


def test_out_of_service_gives_nothing_and_takes_no_reference_until_it_is_back() -> None:
    bench = Bench().set("nir_out", True)
    bench.probe.references.request(IDLE)
    scan = bench.scan()
    assert np.isnan(scan.spectra).all() and scan.status[0] == STATUS_BAD_OUT_OF_SERVICE
    assert scan.reference.number[0] == 1
    assert bench.set("nir_out", False).scan().reference.number[0] == 2


def test_measured_spectra_are_chosen_by_what_a_biased_probe_would_see() -> None:
    spectra = np.arange(5.0)[:, None] + np.zeros((5, 404))
    bench = Bench(MeasuredSpectra(spectra, [0.070, 0.075, 0.080, 0.085, 0.090]))
    assert bench.scan().spectra[0, 0] == 2.0
    assert bench.set("nir_bias", 0.06).scan().spectra[0, 0] == 3.0


# --- on the line --------------------------------------------------------------------------------------------------------
def test_a_line_shows_the_reference_each_spectrum_was_taken_with() -> None:
    driver = Driver(plant(seed=5)).start().run(60)
    assert driver["NIR/ReferenceId"] == 1.0
    assert 0.15 < driver["NIR/DarkLevel"] < 0.25
    assert driver["NIR/ReferenceEnergy"] == pytest.approx(100.0, abs=0.5)
    driver.plant.lines.probe.references.request(IDLE)
    driver.run(67)  # next scan at 65 s, its spectrum at 71 s
    assert driver["NIR/ReferenceId"] == 1.0
    driver.run(71)
    assert driver["NIR/ReferenceId"] == 2.0
    assert driver.last.source_steps[register().scalar_index["NIR/ReferenceId"]] == 65


def with_second_probe(enabled: float, seed: int = 3) -> Plant:
    frame = nominal().feed_frame_probe
    parameters = nominal().model_copy(
        update={"feed_frame_probe": frame.model_copy(update={"enabled": frame.enabled.model_copy(update={"value": enabled})})}
    )
    return Plant(PlantSetup(register(), parameters, seed, scenario(), line().geometry))


def test_of_two_lines_only_the_one_with_a_second_probe_shows_a_spectrum_and_the_same_as_alone() -> None:
    def look(seeds: list[int], enabled: list[float]) -> Scan:
        nir, own = (group_columns([nominal()] * len(seeds), group) for group in ("nir", "feed_frame_probe"))
        columns = Columns({**own.values, "enabled": np.array(enabled)})
        probe = FeedFrameProbe(columns, nir, seeds, Spectrometer(nominal().bands, 0.004))
        powder = np.repeat(Bench().powder * 10.0, len(seeds), axis=0)
        air = Air(np.full(len(seeds), 21.0), np.full(len(seeds), 0.45))
        scans = [probe.step(k, powder, air, Bench().probe.references.newest) for k in range(1, 33)]
        return [scan for scan in scans if scan is not None][-1]

    both, alone = look([4, 9], [0.0, 1.0]), look([9], [1.0])
    assert both.status.tolist() == [STATUS_BAD_WAITING_FOR_INITIAL_DATA, STATUS_GOOD]
    assert np.isnan(both.spectra[0]).all()
    assert np.array_equal(both.spectra[1], alone.spectra[0])
    assert (both.taken, both.number) == (30, 3)


def test_without_a_second_probe_its_tags_wait_and_nothing_is_spent_on_it() -> None:
    driver = Driver(plant(seed=3)).start().run(100)
    assert driver.plant.lines.frame_probe is None
    assert driver.last.statuses[register().scalar_index["NIR2/SpectrumId"]] == STATUS_BAD_WAITING_FOR_INITIAL_DATA
    assert driver.plant.lines.arrived_2 is None


def test_a_second_probe_sees_the_feed_frame_every_ten_seconds_and_changes_nothing_else() -> None:
    one, two = Driver(with_second_probe(0.0)).start(), Driver(with_second_probe(1.0)).start()
    arrived, own = [], register().scalar_index["NIR2/SpectrumId"]
    for _ in range(430):
        a, b = one.step(), two.step()
        others = np.delete(np.arange(a.values.size), own)
        assert np.array_equal(a.values[others], b.values[others], equal_nan=True)
        assert "NIR2/Spectrum" not in a.arrays
        if "NIR2/Spectrum" in b.arrays:
            spectrum, status, taken = b.arrays["NIR2/Spectrum"]
            arrived.append((b.step, taken))
            assert status == STATUS_GOOD and spectrum.shape == (404,)
    assert arrived[1:] == [(k + 2, k) for k in range(arrived[1][1], 432, 10) if k + 2 <= 432]
    assert two["NIR2/SpectrumId"] == len(arrived)
    # the powder at the dies holds 8 % of API; spot SD 4 %, so a spectrum knows it to 12 %
    optics = Spectrometer(nominal().bands, 0.0)
    basis = np.vstack((optics.pure, np.ones(404), np.linspace(-0.5, 0.5, 404))).T
    seen = np.linalg.lstsq(basis, spectrum, rcond=None)[0]
    assert seen[0] / seen[:4].sum() == pytest.approx(0.08, rel=0.15)
