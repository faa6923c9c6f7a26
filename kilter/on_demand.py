"""A command group that loads a command when it is called, so that `kilter lot list` does not wait for the solvers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group


@dataclass(frozen=True)
class Panel:
    """A part of the help: its title, the names of its commands, and what imports one of them (a function or a typer app)."""

    title: str
    names: tuple[str, ...]
    load: Callable[[str], Any]

    def command(self, name: str) -> Any:
        """Return the command `name`, imported now."""
        found = self.load(name)
        command: Any = get_group(found) if isinstance(found, typer.Typer) else _command(name, found)
        command.name, command.rich_help_panel = name, self.title
        return command


def _command(name: str, function: Callable[..., Any]) -> Any:
    app = typer.Typer(add_completion=False)
    app.command(name)(function)
    return get_command(app)


class OnDemand(TyperGroup):
    """The commands of `panels`, in that order; the list of all (`--help`) loads all."""

    panels: tuple[Panel, ...] = ()

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._panel_of = {name: panel for panel in self.panels for name in panel.names}
        self._loaded: dict[str, Any] = {}
        # near matches of a misspelt name are looked for among these
        self.commands = dict.fromkeys(self._panel_of)  # type: ignore[assignment]

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names."""
        return list(self._panel_of)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command, loaded, or None where there is none of that name."""
        if cmd_name in self._panel_of and cmd_name not in self._loaded:
            self._loaded[cmd_name] = self._panel_of[cmd_name].command(cmd_name)
        return self._loaded.get(cmd_name)
