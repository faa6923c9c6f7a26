"""A soft-sensor model as a file: canonical JSON with its SHA-256, complete without the program that fitted it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from line.canonical import canonical_json, content_hash
from line.errors import DataError
from sensing.preprocessing import Step, steps_from

FORMAT = "kilter.soft-sensor.3"
#: Stored numbers have so many significant digits: enough for spectra, few enough that processors agree.
SIGNIFICANT_DIGITS = 12
Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Limits:
    """Operating limits: T2, Q and least spectral match at `alpha`; on which spectra and by which formula they were set."""

    alpha: float
    t2: float
    q: float
    match_min: float
    set_on: str
    t2_formula: str
    q_formula: str


@dataclass(frozen=True)
class Presentation:
    """What a covered, clean window looks like before preprocessing, and where the detector still sees light, all in AU.

    level: mean over the axis; spread: standard deviation over the axis; absorbance: highest that is not saturation.
    """

    level_low: float
    level_high: float
    spread_low: float
    spread_high: float
    absorbance_max: float


@dataclass(frozen=True)
class Performance:
    """Cross-validation by batch, choice of components nested: API mass fractions, interval by batch-clustered bootstrap.

    `interval_half_width_w_w`: the share `interval_level` of errors of batches left out is smaller (`sensing.conformal`).
    """

    rmsecv_w_w: float
    rmsecv_low_w_w: float
    rmsecv_high_w_w: float
    confidence: float
    bias_w_w: float
    components_rule: str
    components_by_fold: tuple[int, ...]
    interval_level: float
    interval_half_width_w_w: float


@dataclass(frozen=True, eq=False)
class SoftSensorModel:
    """A PLS model of the API mass fraction.

    axis (p,) [1/cm]; mean (p,) of the preprocessed spectra; weights, loadings (p, A); loadings_y (A,);
    coefficients (p,) [mass fraction]; score_variances (A,); calibration range [mass fraction]; n spectra and batches.
    `instrument`: serial number of the spectrometer it is for, empty if none was named; `derived_from`: hash of the model
    that it was transferred from, empty for a calibration. `load_model` and `to_text` are its file; `hash` its identity.
    Whether it may be used stands in the registry (`sensing.registry`), not here: a status would change the hash.
    """

    id: str
    version: str
    instrument: str
    preprocessing: tuple[Step, ...]
    axis: Vector
    mean: Vector
    mean_y: float
    weights: Matrix
    loadings: Matrix
    loadings_y: Vector
    coefficients: Vector
    score_variances: Vector
    limits: Limits
    presentation: Presentation
    performance: Performance
    range_low_w_w: float
    range_high_w_w: float
    n_spectra: int
    n_batches: int
    seed: int
    calibration_set_hash: str
    derived_from: str = ""

    @property
    def n_components(self) -> int:
        """Number of PLS components."""
        return self.weights.shape[1]

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical form."""
        return content_hash(self.body())

    def body(self) -> dict[str, Any]:
        """Return the JSON form."""
        body: dict[str, Any] = {"format": FORMAT}
        for field in fields(self):
            value = getattr(self, field.name)
            body[field.name] = value.tolist() if isinstance(value, np.ndarray) else value
        body["preprocessing"] = [step.body() for step in self.preprocessing]
        body["limits"], body["presentation"] = asdict(self.limits), asdict(self.presentation)
        body["performance"] = {**asdict(self.performance), "components_by_fold": list(self.performance.components_by_fold)}
        return body

    def to_text(self) -> str:
        """Return the model file."""
        return canonical_json({"model": self.body(), "sha256": self.hash}).decode("utf-8") + "\n"


def significant(value: Any) -> Any:
    """Return a number or array with SIGNIFICANT_DIGITS significant digits."""
    array = np.asarray(value, dtype=np.float64)
    rounded = np.array([float(f"{x:.{SIGNIFICANT_DIGITS - 1}e}") for x in array.ravel().tolist()]).reshape(array.shape)
    return rounded if array.ndim else float(rounded)


def load_model(text: str) -> SoftSensorModel:
    """Return the model of a file. Raises DataError if a byte of it was altered, or if it is no model."""
    try:
        file = json.loads(text)
    except ValueError as error:
        raise _refused("is not JSON") from error
    if not isinstance(file, dict) or set(file) != {"model", "sha256"} or not isinstance(file["model"], dict):
        raise _refused("is no soft-sensor model")
    try:
        same = canonical_json(file).decode("utf-8") + "\n" == text and content_hash(file["model"]) == file["sha256"]
    except ValueError as error:
        raise _refused("holds numbers that no model has") from error
    if not same:
        raise _refused("was altered: its SHA-256 is another one")
    try:
        return _model_from(file["model"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _refused(f"is of another form: {type(error).__name__} {error}") from error


def _model_from(body: Mapping[str, Any]) -> SoftSensorModel:
    names = {field.name for field in fields(SoftSensorModel)}
    if body.get("format") != FORMAT or set(body) != names | {"format"}:
        raise _refused(f"has the form {body.get('format')}, this version reads {FORMAT}")
    arrays = ("axis", "mean", "weights", "loadings", "loadings_y", "coefficients", "score_variances")
    values: dict[str, Any] = {name: body[name] for name in names}
    values |= {name: np.asarray(body[name], dtype=np.float64) for name in arrays}
    performance = dict(body["performance"])
    performance["components_by_fold"] = tuple(performance["components_by_fold"])
    values |= {
        "preprocessing": steps_from(body["preprocessing"]),
        "limits": Limits(**body["limits"]),
        "presentation": Presentation(**body["presentation"]),
        "performance": Performance(**performance),
    }
    return _of_one_shape(SoftSensorModel(**values))


def _of_one_shape(model: SoftSensorModel) -> SoftSensorModel:
    p, a = model.axis.size, model.loadings_y.size
    one_point = model.mean.shape == model.coefficients.shape == (p,)
    if not one_point or model.weights.shape != (p, a) or model.loadings.shape != (p, a) or model.score_variances.shape != (a,):
        raise _refused("holds arrays that do not fit each other")
    return model


def _refused(why: str) -> DataError:
    return DataError(
        f"the model file {why}", where="soft-sensor model", what_now="Use the file as it was written, or calibrate."
    )
