"""The command `kilter`: which command lives where, and the one place where errors become a line."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from typing import Any

import typer

from kilter.on_demand import OnDemand, Panel
from line.errors import ConfigurationFaults, KilterError

EXIT_BAD_INPUT, EXIT_INTERNAL, EXIT_INTERRUPTED = 2, 3, 130

HELP = """Advanced process control and real-time release for continuous direct compression lines.

First steps:  kilter demo             watch a shift of 60 simulated minutes, about a minute and a half

              kilter lot list         the lots made here, with their verdicts

              kilter lot show LOT     one lot: verdict, reasons, figures, hashes

              kilter lot verify LOT   prove that its record is whole and unchanged

Every command explains itself with --help. Exit codes: 0 well, 1 a figure does not hold, 2 bad input, 130 stopped by Ctrl-C.
"""


def _shift(name: str) -> Any:
    """Return a command that makes a shift."""
    match name:
        case "demo" | "simulate":
            from kilter import demo

            return getattr(demo, name)
        case "run":
            from kilter import run

            return run.run
        case "hil":
            from kilter import hil

            return hil.app
        case "plant":
            from kilter import plant

            return plant.app
        case "bench":
            from kilter import bench

            return bench.app
        case "scenarios":
            from kilter import scenarios

            return scenarios.app
    return None


def _lots(name: str) -> Any:
    """Return a command that looks at what was made."""
    match name:
        case "lot":
            from kilter import lot

            return lot.app
        case "playback":
            from kilter import playback

            return playback.playback
        case "explain":
            from kilter import explain

            return explain.explain_command
        case "audit":
            from kilter import audit

            return audit.audit_command
        case "performance":
            from kilter import performance

            return performance.performance_command
        case "release":
            from kilter import release

            return release.app
    return None


def _running(name: str) -> Any:
    """Return a command that tells the running engine something."""
    from kilter import commands

    return getattr(commands, name)


def _model(name: str) -> Any:
    """Return a command that finds what the controller believes, or how it is tuned."""
    match name:
        case "identify":
            from kilter import identify

            return identify.identify_command
        case "steptest":
            from kilter import steptest

            return steptest.steptest
        case "observability":
            from kilter import observability

            return observability.observability
        case "tune":
            from kilter import tune

            return tune.tune
    return None


def _set_up(name: str) -> Any:
    """Return a command that sets up: configuration, certificates, sensors, tracer tests."""
    match name:
        case "rtd":
            from kilter import rtd

            return rtd.app
        case "check":
            from kilter import check

            return check.check
        case "schema":
            from kilter import schema

            return schema.schema
        case "sensor":
            from kilter import sensor

            return sensor.app
        case "certs":
            from kilter import certs

            return certs.app
    return None


class Kilter(OnDemand):
    """The commands of kilter, in the order of the help."""

    panels = (
        Panel("Make a shift", ("demo", "simulate", "run", "hil", "plant", "bench", "scenarios"), _shift),
        Panel("Lots", ("lot", "playback", "explain", "performance", "audit", "release"), _lots),
        Panel("Running line", ("mode", "limit", "advice", "hold", "resume", "stop"), _running),
        Panel("Model", ("identify", "steptest", "observability", "tune"), _model),
        Panel("Set-up", ("rtd", "check", "schema", "sensor", "certs"), _set_up),
    )


app = typer.Typer(
    cls=Kilter, help=HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich"
)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"kilter {version('kilter')}\n")
        raise typer.Exit


@app.callback()
def _root(
    show_version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version and end."),
) -> None:
    pass


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code. An error is one line (or a tree of faults), never a trace.

    A fault of our own is one line and exit code 3; with KILTER_TRACE=1 it is raised, for whoever mends it.
    """
    try:
        return _invoke(arguments)
    except KeyboardInterrupt:
        _say("interrupted")
        return EXIT_INTERRUPTED
    except ConfigurationFaults as faults:
        _say(f"{faults.tree()}\n{faults.line()}")
        return faults.exit_code
    except KilterError as error:
        _say(error.line())
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if os.environ.get("KILTER_TRACE"):
            raise
        _say(f"a fault in kilter itself: {type(error).__name__}: {error}. Set KILTER_TRACE=1 to see where, and report it.")
        return EXIT_INTERNAL


def _invoke(arguments: list[str] | None) -> int:
    """Let the command line parse and call; usage errors are shown by it in one line with a hint."""
    command = typer.main.get_command(app)
    try:
        code = command.main(args=arguments, prog_name="kilter", standalone_mode=False)
    except typer.Abort as abort:
        raise KeyboardInterrupt from abort
    except Exception as error:
        show, code = getattr(error, "show", None), getattr(error, "exit_code", None)
        if show is None or code is None:
            raise
        show()
        return int(code)
    if code == EXIT_INTERRUPTED:
        _say("interrupted")
    return code if isinstance(code, int) else 0


def _say(text: str) -> None:
    sys.stderr.write(f"kilter: {text}\n" if "\n" not in text else f"{text}\n")
