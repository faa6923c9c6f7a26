"""Draw docs/soft-sensor.svg from the open tablet set, and say the numbers of its page: `python docs/plot_soft_sensor.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
import numpy as np
from scipy.stats import spearmanr

from kilter.data_sets import TABLETS, find
from sensing.calibration import MAX_COMPONENTS
from sensing.preprocessing import StandardNormalVariate
from sensing.spectra import CalibrationSet, parse_calibration_csv
from sensing.validation import clustered_interval, nested_cross_validation, rms

matplotlib.use("svg")
from matplotlib import pyplot as plt

TARGET_W_W, PERCENT = 0.08, 100.0
PAGE = Path(__file__).with_name("soft-sensor.svg")
STYLE = {
    "svg.hashsalt": "soft-sensor",
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def main() -> None:
    """Write the picture and say the numbers that docs/soft-sensor.md quotes."""
    data = parse_calibration_csv(find(TABLETS).read_text(encoding="utf-8"))
    treated = StandardNormalVariate().apply(data.spectra)
    predicted = nested_cross_validation(treated, data.api_w_w, data.groups, MAX_COMPONENTS).predictions
    draw(data, predicted)
    errors = predicted - data.api_w_w
    low, high = clustered_interval(errors, data.groups, 0)
    by_batch = [errors[data.groups == g] for g in range(len(data.batch_names))]
    contents = [data.api_w_w[data.groups == g] for g in range(len(data.batch_names))]
    say(f"RMSECV {PERCENT * rms(errors):.3f} % w/w, 95 % interval {PERCENT * low:.3f}..{PERCENT * high:.3f}")
    for words, value in (
        ("SD of batch bias", np.std([e.mean() for e in by_batch], ddof=1)),
        ("SD of error within a batch", np.sqrt(np.mean([e.var(ddof=1) for e in by_batch]))),
        ("SD of content within a batch", np.sqrt(np.mean([c.var(ddof=1) for c in contents]))),
    ):
        say(f"{words}: {PERCENT * value / TARGET_W_W:.1f} % of label claim")
    ranks = [spearmanr(predicted[data.groups == g], contents[g]).statistic for g in range(len(contents))]
    say(f"rank correlation within a batch: median {np.median(ranks):.2f}")


def say(words: str) -> None:
    """Write one line to standard output."""
    sys.stdout.write(words + "\n")


def draw(data: CalibrationSet, predicted: np.ndarray) -> None:
    """Draw all batches on the left, one batch as it looks to somebody who wants to rank its tablets on the right."""
    x, y = PERCENT * data.api_w_w, PERCENT * predicted
    inside = data.groups == data.batch_names.index("11")
    with plt.rc_context(STYLE):
        figure, (whole, batch) = plt.subplots(1, 2, figsize=(7.2, 3.4))
        whole.plot([4.4, 10.0], [4.4, 10.0], color="0.6", linewidth=1)
        whole.scatter(x, y, s=6, color="#1f5a96", linewidths=0)
        whole.set(title="31 batches, each predicted unseen", xlabel="reference, % w/w", ylabel="predicted, % w/w")
        batch.plot([7.3, 8.6], [7.3, 8.6], color="0.6", linewidth=1)
        batch.scatter(x[inside], y[inside], s=14, color="#b0410e", linewidths=0)
        batch.set(title="ten tablets of one batch (11)", xlabel="reference, % w/w", xlim=(7.3, 8.6), ylim=(7.3, 8.6))
        figure.tight_layout()
        figure.savefig(PAGE, metadata={"Date": None, "Creator": None})
    PAGE.write_text("\n".join(line.rstrip() for line in PAGE.read_text(encoding="utf-8").splitlines()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
