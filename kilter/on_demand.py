"""A command group that loads a command when it is called, so that `kilter lot list` does not wait for the solvers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group


@dataclass(frozen=True)
class Entry:
    """A command: `where` in kilter it lives, "module:attribute", a function or a typer app, and its `panel` of the help."""

    where: str
    panel: str

    def load(self, name: str) -> Any:
        """Import the module and return the command under this name."""
        module, _, attribute = self.where.partition(":")
        found = getattr(import_module(f"kilter.{module}"), attribute)
        command: Any = get_group(found) if isinstance(found, typer.Typer) else _command(name, found)
        command.name, command.rich_help_panel = name, self.panel
        return command


def _command(name: str, function: Callable[..., Any]) -> Any:
    app = typer.Typer(add_completion=False)
    app.command(name)(function)
    return get_command(app)


class OnDemand(TyperGroup):
    """The commands of `entries`, in that order; the list of all (`--help`) loads all."""

    entries: ClassVar[Mapping[str, Entry]] = {}

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._loaded: dict[str, Any] = {}
        self.commands = dict.fromkeys(self.entries)  # type: ignore[assignment]

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names."""
        return list(self.entries)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command, loaded, or None where there is none of that name."""
        if cmd_name not in self.entries:
            return None
        if cmd_name not in self._loaded:
            self._loaded[cmd_name] = self.entries[cmd_name].load(cmd_name)
        return self._loaded[cmd_name]
