"""How the controller did over a stretch of a lot, from the record alone: who decided, how steady, which limits, how right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from historian.queries import RecordReader
from line.errors import RecordError
from line.records import plain

#: Predicted output -> what the estimate calls it.
BELIEVED = {
    "potency_tablet": "potency_tablet_pct_lc",
    "potency_blend": "potency_blend_pct_lc",
    "weight": "weight_mg",
    "hardness": "hardness_n",
}
#: The prediction that is judged: second point of a recorded plan, so many seconds ahead.
POINT, AHEAD_S = 1, 65
#: Rungs at which nobody asked for a plan.
NOT_ASKED = ("idle", "off")


@dataclass(frozen=True)
class Steadiness:
    """One output over the stretch, plant units: mean and standard deviation of what was believed, of spectra and samples
    alike; mean and root mean square of (believed - predicted 65 s before), None for a controller that predicts nothing."""

    mean: float
    deviation: float
    model_bias: float | None
    model_rms: float | None
    n_predicted: int


@dataclass(frozen=True)
class Performance:
    """first_s..last_s; rungs: decisions by who made them; refused: without a valid move though asked; outputs by name;
    limits: `SP/MainForce rate up` -> share of the plans in which it binds; clipped: readings not believed."""

    first_s: int
    last_s: int
    decisions: int
    rungs: Mapping[str, int]
    refused: int
    outputs: Mapping[str, Steadiness]
    limits: Mapping[str, float]
    clipped: int

    def body(self) -> dict[str, Any]:
        """Return the JSON form."""
        return plain(asdict(self))


def performance(folder: Path, last_minutes: float | None = None) -> Performance:
    """Return how the controller did in a recorded or running lot; `last_minutes` None: over all of it.

    Outputs count while a plan of the controller's own or of a lower rung was in force. Wrong where the estimate is: then
    believed and predicted agree about a line that is elsewhere. Raises RecordError if there is no decision.
    """
    with RecordReader(folder) as reader:
        first = 0 if last_minutes is None else reader.last_step - round(60.0 * last_minutes)
        bodies = [{**entry.json(), "step": entry.step} for entry in reader.entries("decision", first_step=max(first, 0))]
    if not bodies:
        raise RecordError("no decision in that time", where=folder.name, what_now="Take a longer stretch.")
    asked = [b for b in bodies if b["rung"] not in NOT_ASKED]
    plans = [b for b in asked if b["limits"] or b["plan"]]
    bound = Counter(f"{name} {kind}" for b in plans for name, kind in {(v["name"], v["kind"]) for v in b["limits"]})
    return Performance(
        first_s=int(bodies[0]["step"]),
        last_s=int(bodies[-1]["step"]),
        decisions=len(bodies),
        rungs=dict(Counter(str(b["rung"]) for b in bodies).most_common()),
        refused=sum(not b["valid"] for b in asked if b["rung"] != "warm"),
        outputs={name: steady for name in BELIEVED if (steady := _steadiness(name, asked)) is not None},
        limits={name: count / len(plans) for name, count in bound.most_common()},
        clipped=sum("clipped:" in b["text"] for b in bodies),
    )


def _steadiness(name: str, bodies: Sequence[Mapping[str, Any]]) -> Steadiness | None:
    made = [b for b in bodies if b["rung"] != "ratio" and b["estimate"].get(BELIEVED[name]) is not None]
    believed = {int(b["step"]): float(b["estimate"][BELIEVED[name]]) for b in made}
    if not believed:
        return None
    paths = [(int(b["step"]) + AHEAD_S, b["plan"].get(name, ())) for b in made]
    wrong = np.array([believed[then] - path[POINT] for then, path in paths if then in believed and len(path) > POINT])
    values = np.array(list(believed.values()))
    return Steadiness(
        mean=float(values.mean()),
        deviation=float(values.std()),
        model_bias=float(wrong.mean()) if wrong.size else None,
        model_rms=float(np.sqrt(np.mean(wrong**2))) if wrong.size else None,
        n_predicted=int(wrong.size),
    )
