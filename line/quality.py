"""Quality of a value: what it may be used for."""

from __future__ import annotations

from enum import IntEnum


class Quality(IntEnum):
    """GOOD may be used for release; UNCERTAIN for control and alarms only; BAD and STALE are missing values."""

    GOOD = 0
    UNCERTAIN = 1
    BAD = 2
    STALE = 3


#: OPC UA status codes we publish, with their severity bits (0x0 Good, 0x4 Uncertain, 0x8 Bad).
STATUS_GOOD = 0x00000000
STATUS_UNCERTAIN_LAST_USABLE = 0x40900000
STATUS_UNCERTAIN_SENSOR_NOT_ACCURATE = 0x40930000
STATUS_UNCERTAIN_UNITS_EXCEEDED = 0x40940000
STATUS_BAD_NO_COMMUNICATION = 0x80310000
STATUS_BAD_SENSOR_FAILURE = 0x808C0000
STATUS_BAD_OUT_OF_SERVICE = 0x808D0000
STATUS_BAD_WAITING_FOR_INITIAL_DATA = 0x80320000


def quality_of_status(status: int) -> Quality:
    """Return the quality class of an OPC UA status code by its two severity bits (OPC UA Part 4, 7.39)."""
    severity = (status >> 30) & 0b11
    if severity == 0:
        return Quality.GOOD
    return Quality.UNCERTAIN if severity == 1 else Quality.BAD
