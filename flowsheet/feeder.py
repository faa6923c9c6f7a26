"""Loss-in-weight feeder with its gravimetric loop closed: the flow follows its set-point, what the scale sees is corrected."""

from __future__ import annotations

from typing import Any

from casadi import exp

from flowsheet.parameters import FlowsheetParameters


def mean_flow(setpoint: Any, flow_last: Any, deviation: Any, p: FlowsheetParameters, step_s: float) -> Any:
    """Return the mean flow over one step as the feeder's scale sees it [kg/s].

    setpoint [kg/s]; flow_last mean flow of the step before [kg/s]; deviation: relative, seen by the scale (-1: stopped).
    Equation: q = a (1 + deviation) setpoint + (1 - a) q_last, a = 1 - (tau/h)(1 - exp(-h/tau)), the exact mean of a
    first-order lag that starts from the last mean. Wrong inside a refill, where the screw runs volumetrically.
    Source: gravimetric control of loss-in-weight feeders; lag of the drive and of the set-point's way.
    """
    share = 1.0 - p.feeder_lag / step_s * (1.0 - exp(-step_s / p.feeder_lag))
    return share * (1.0 + deviation) * setpoint + (1.0 - share) * flow_last


def next_deviation(deviation: Any, p: FlowsheetParameters, step_s: float) -> Any:
    """Return the deviation after one step: the gravimetric loop removes it with its closed-loop time (15-40 s)."""
    return exp(-step_s / p.feeder_deviation_time) * deviation
