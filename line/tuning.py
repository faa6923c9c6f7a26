"""Tuning of the controllers that have settings of their own: one strict table each, with bounds and units in the names."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)


class RatioTuning(_Strict):
    """Feed-forward ratio: time constant of the flows' filter [s]; deviations of the other feeders' common factor
    below `dead_band_pct` [%] are left to the gravimetric loops."""

    flow_filter_s: float = Field(ge=0, le=300)
    dead_band_pct: float = Field(ge=0, le=20)


class PidTuning(RatioTuning):
    """Cascade. Potency: gain [% of set-point a % of potency], reset time [s], tracking time of anti-windup [s], filter
    of what the analyser sees and the model does not [s]. Weight and hardness: time in which a lasting error falls to
    37 % [s], the longest gap between results that counts whole [s]."""

    potency_gain: float = Field(ge=0, le=10)
    potency_reset_s: float = Field(gt=0, le=3600)
    potency_tracking_s: float = Field(gt=0, le=3600)
    potency_filter_s: float = Field(ge=0, le=1800)
    weight_time_s: float = Field(gt=0, le=7200)
    hardness_time_s: float = Field(gt=0, le=7200)
    sample_gap_s: float = Field(gt=0, le=1800)


class MoveTuning(_Strict):
    """Factors on the move suppression of the feeders, and of force and height [-]; 1 is what the file says for all."""

    feeder_move_factor: float = Field(default=1.0, ge=0.01, le=100)
    press_move_factor: float = Field(default=1.0, ge=0.01, le=100)


class BeliefTuning(_Strict):
    """Factors on the estimator's noise for one controller [-]: error of the NIR, walks of the biases of flows, NIR and
    hold-up, walks of the biases of the press (yield pressure, density, strength)."""

    nir_error_factor: float = Field(default=1.0, ge=0.1, le=10)
    feed_walk_factor: float = Field(default=1.0, ge=0.01, le=100)
    press_walk_factor: float = Field(default=1.0, ge=0.01, le=100)


class PidBeliefTuning(PidTuning, BeliefTuning):
    """The cascade on the estimate: its own settings, and how it wants the estimate."""


class NonlinearTuning(MoveTuning, BeliefTuning):
    """Nonlinear predictive control: how it moves, and how it wants the estimate."""


class LinearTuning(MoveTuning):
    """Linear predictive control: filters of the output bias: NIR and level time constants [s], share of a tester
    result [-]; filter of the measured flows [s]."""

    potency_filter_s: float = Field(ge=0, le=1800)
    level_filter_s: float = Field(ge=0, le=1800)
    tester_share: float = Field(gt=0, le=1)
    flow_filter_s: float = Field(ge=0, le=300)


class HorizonTuning(_Strict):
    """Moving-horizon estimation: periods of 5 s in the window; loss of a reading's residual; the Jacobians are taken
    at every stride-th period."""

    window_periods: int = Field(default=60, ge=2, le=120)
    loss: Literal["squares", "huber", "welsch"] = "welsch"
    stride: int = Field(default=4, ge=1, le=20)


#: Controller -> the form of its table.
FORMS: dict[str, type[BaseModel]] = {
    "ratio": RatioTuning,
    "pid": PidTuning,
    "pid+kalman": PidBeliefTuning,
    "lmpc": LinearTuning,
    "nmpc": NonlinearTuning,
}


class Tuning(_Strict):
    """A table for each controller by its name; one that is missing cannot be run (`nmpc`: all factors are 1)."""

    ratio: RatioTuning | None = None
    pid: PidTuning | None = None
    pid_kalman: PidBeliefTuning | None = Field(default=None, alias="pid+kalman")
    lmpc: LinearTuning | None = None
    nmpc: NonlinearTuning = Field(default_factory=NonlinearTuning)

    def of(self, controller: str) -> BaseModel | None:
        """Return the table of a controller by its name, None if it has none; `dompc` solves the problem of `nmpc`."""
        name = {"dompc": "nmpc", "pid+kalman": "pid_kalman"}.get(controller, controller)
        table: BaseModel | None = getattr(self, name, None)
        return table
