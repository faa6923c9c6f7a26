"""Identity by spectral match: whose product is this spectrum, or nobody's?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from line.errors import DataError
from sensing.diagnostics import spectral_match, t2_and_q
from sensing.model import SoftSensorModel
from sensing.pls import Matrix, rotations
from sensing.preprocessing import apply_steps


@dataclass(frozen=True)
class Identity:
    """What one spectrum is: the id of the best matching model, its match, and whether that is enough.

    `identified`: match at or above the model's limit, Q at or below its own, and no other model matches as well.
    """

    model_id: str
    match: float
    match_min: float
    identified: bool


def identify(spectra: Matrix, library: Sequence[SoftSensorModel]) -> list[Identity]:
    """Return the identity of raw spectra (n, p) [AU] among the models of a library (one product each).

    Wrong where two products differ by less than spectra of one do: then Q and the content must tell them apart.
    Errors: DataError for an empty library or another number of points.
    """
    if not library or any(model.axis.size != spectra.shape[1] for model in library):
        points = ", ".join(str(model.axis.size) for model in library) or "no model"
        raise DataError(
            "these spectra do not fit the library", where="identity", how_much=f"{spectra.shape[1]} points, {points}"
        )
    found = [_match(spectra, model) for model in library]
    matches, known = (np.array([pair[i] for pair in found]) for i in (0, 1))
    best = matches.argmax(axis=0)
    return [
        Identity(library[i].id, float(matches[i, row]), library[i].limits.match_min, bool(known[i, row]))
        for row, i in enumerate(best.tolist())
    ]


def _match(spectra: Matrix, model: SoftSensorModel) -> tuple[np.ndarray, np.ndarray]:
    """Return (match, whether match and Q are inside the model's limits), (n,) each."""
    treated = apply_steps(model.preprocessing, spectra)
    match = spectral_match(treated, model.mean)
    _, q = t2_and_q(treated - model.mean, rotations(model.weights, model.loadings), model.loadings, model.score_variances)
    return match, (match >= model.limits.match_min) & (q <= model.limits.q)
