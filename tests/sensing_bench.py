"""Small synthetic calibration sets for tests: Beer-Lambert in three components with scatter, drawn from a seed."""

from __future__ import annotations

import numpy as np

from sensing.spectra import CalibrationSet

N_POINTS = 60


def pure(centre: float, width: float) -> np.ndarray:
    """Return a band (60,) on an axis of 0..1."""
    return np.exp(-0.5 * ((np.linspace(0.0, 1.0, N_POINTS) - centre) / width) ** 2)


def synthetic_set(seed: int = 1, n_batches: int = 14, replicates: int = 4, noise: float = 0.002) -> CalibrationSet:
    """Return spectra of 5..11 % w/w with multiplicative and additive scatter and a batch effect."""
    chance = np.random.default_rng(seed)
    content = np.repeat(chance.permutation(np.linspace(0.05, 0.11, n_batches)), replicates)
    n = content.size
    batch_effect = np.repeat(chance.normal(0.0, 0.02, n_batches), replicates)
    body = (0.5 + batch_effect)[:, None] * pure(0.3, 0.15) + (0.5 - content)[:, None] * pure(0.75, 0.1)
    clean = body + 4.0 * content[:, None] * pure(0.5, 0.04)
    scatter, offset = chance.normal(1.0, 0.03, n), chance.normal(0.0, 0.02, n)
    spectra = scatter[:, None] * clean + offset[:, None] + noise * chance.standard_normal((n, N_POINTS))
    labels = tuple(f"B{i:02d}" for i in range(n_batches) for _ in range(replicates))
    return CalibrationSet(np.linspace(7400.0, 10500.0, N_POINTS), spectra, content, labels)


def as_csv(data: CalibrationSet) -> str:
    """Return the set as the table that `kilter sensor calibrate` reads."""
    header = ["batch_replicate", "active_pct_w_w", "type", *(f"{x:.3f}" for x in data.axis)]
    lines = [",".join(header)]
    counts: dict[str, int] = {}
    for label, content, spectrum in zip(data.batches, data.api_w_w, data.spectra, strict=True):
        counts[label] = counts.get(label, 0) + 1
        row = [f"{label}_{counts[label]:02d}", f"{100 * content:.6f}", "lab", *(f"{x:.6f}" for x in spectrum)]
        lines.append(",".join(row))
    return "\n".join(lines) + "\n"
