"""One family of errors. Each answers, in one line: what, where, how much, what now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class KilterError(Exception):
    """Base of all our errors.

    Arguments: what went wrong; where (tag, file, key, check); how_much (value against limit); what_now (remedy).
    Empty parts are left out of the line. `exit_code` is what a command ends with.
    """

    exit_code = 2

    def __init__(self, what: str, *, where: str = "", how_much: str = "", what_now: str = "") -> None:
        self.what, self.where, self.how_much, self.what_now = what, where, how_much, what_now
        super().__init__(self.line())

    def line(self) -> str:
        """Return the message as one line."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        if self.how_much:
            head += f" ({self.how_much})"
        return " ".join((f"{head}. {self.what_now}" if self.what_now else head).split())


class ConfigurationError(KilterError):
    """A configuration file, recipe or scenario cannot be used."""


class DataError(KilterError):
    """A data file or measurement set cannot be used; nothing was written."""


class CommunicationError(KilterError):
    """The plant cannot be reached, or the link was lost."""


class CertificateError(CommunicationError):
    """A certificate or a user token was refused; `where` names the check."""


class RecordError(KilterError):
    """A record cannot be written, read or verified."""


class SolverError(KilterError):
    """A solver did not return a result that may be used."""


class DeadlineError(SolverError):
    """A solver did not answer in time."""


@dataclass(frozen=True)
class Fault:
    """One fault of a configuration: file, key, value found, remedy."""

    file: str
    key: str
    value: str
    remedy: str


class ConfigurationFaults(ConfigurationError):
    """All faults of a set of configuration files at once, shown as an indented tree."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(
            f"{len(self.faults)} fault{'s' if len(self.faults) != 1 else ''} in the configuration",
            what_now="Nothing was started.",
        )

    def tree(self) -> str:
        """Return every fault, grouped by file: `key = value` and the remedy below it."""
        lines: list[str] = []
        for file in dict.fromkeys(fault.file for fault in self.faults):
            lines.append(file)
            for fault in self.faults:
                if fault.file == file:
                    lines += [f"  {fault.key} = {fault.value}", f"      {fault.remedy}"]
        return "\n".join(lines)
