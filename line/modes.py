"""Modes and regimes: who moves the line, and in which part of its life it is."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class ControllerMode(StrEnum):
    """OFF: computes nothing. WARM: estimates and plans, writes nothing. ON: writes checked moves."""

    OFF = "OFF"
    WARM = "WARM"
    ON = "ON"


class ControlState(StrEnum):
    """What the supervision does now. HOLD: last set-points stay; LOCAL: the PLC runs the line by itself."""

    CONTROL = "CONTROL"
    HOLD = "HOLD"
    LOCAL = "LOCAL"


class PlcMode(IntEnum):
    """Tag Sys/CtrlMode, owned by the PLC."""

    LOCAL = 0
    REMOTE = 1


class LineState(IntEnum):
    """Tag Sys/LineState, owned by the PLC (a subset of PackML)."""

    STOPPED = 0
    STARTING = 1
    EXECUTE = 2
    HELD = 3
    COMPLETING = 4
    COMPLETE = 5


class LineCommand(IntEnum):
    """Tag SP/LineCommand: what the engine asks of the PLC."""

    NONE = 0
    START = 1
    HOLD = 2
    RESUME = 3
    RUN_OUT = 4
    STOP = 5


class FeederMode(IntEnum):
    """Tag FeederN/Mode."""

    GRAVIMETRIC = 0
    VOLUMETRIC = 1
    REFILL = 2
    STOPPED = 3


class WeightLoop(IntEnum):
    """Tag Press/WeightLoop: who owns the fill depth."""

    FORCE = 0
    HOST = 1


class Regime(StrEnum):
    """Part of the lot that a record belongs to."""

    START = "start"
    STEADY = "steady"
    REFILL = "refill"
    HOLD = "hold"
    STOP = "stop"
