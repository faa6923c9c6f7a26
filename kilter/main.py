"""The command `kilter`: one module a command group, wired here, and the one place where errors become a line."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version

import typer

from kilter import (
    bench,
    certs,
    check,
    commands,
    demo,
    explain,
    hil,
    lot,
    plant,
    playback,
    release,
    rtd,
    scenarios,
    schema,
    sensor,
)
from kilter.run import run as run_engine
from line.errors import ConfigurationFaults, KilterError

EXIT_BAD_INPUT, EXIT_INTERNAL, EXIT_INTERRUPTED = 2, 3, 130

HELP = """Advanced process control and real-time release for continuous direct compression lines.

First steps:  kilter demo             watch a shift of 60 simulated minutes, about a minute and a half

              kilter lot list         the lots made here, with their verdicts

              kilter lot show LOT     one lot: verdict, reasons, figures, hashes

              kilter lot verify LOT   prove that its record is whole and unchanged

Every command explains itself with --help. Exit codes: 0 well, 1 a figure does not hold, 2 bad input, 130 stopped by Ctrl-C.
"""

app = typer.Typer(
    help=HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich"
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


# -- make a shift ------------------------------------------------------------------------------------------------------

app.command("demo", rich_help_panel="Make a shift")(demo.demo)
app.command("simulate", rich_help_panel="Make a shift")(demo.simulate)
app.command("run", rich_help_panel="Make a shift")(run_engine)
app.add_typer(hil.app, name="hil", rich_help_panel="Make a shift")
app.add_typer(plant.app, name="plant", rich_help_panel="Make a shift")
app.add_typer(bench.app, name="bench", rich_help_panel="Make a shift")
app.add_typer(scenarios.app, name="scenarios", rich_help_panel="Make a shift")

# -- look at what was made ---------------------------------------------------------------------------------------------
app.add_typer(lot.app, name="lot", rich_help_panel="Lots")
app.command("playback", rich_help_panel="Lots")(playback.playback)
app.command("explain", rich_help_panel="Lots")(explain.explain_command)
app.add_typer(release.app, name="release", rich_help_panel="Lots")
app.add_typer(rtd.app, name="rtd", rich_help_panel="Set-up")

# -- tell the running engine something ---------------------------------------------------------------------------------
app.command("mode", rich_help_panel="Running line")(commands.mode)
app.command("hold", rich_help_panel="Running line")(commands.hold)
app.command("resume", rich_help_panel="Running line")(commands.resume)
app.command("stop", rich_help_panel="Running line")(commands.stop)

# -- configuration, certificates, sensors, data ------------------------------------------------------------------------
app.command("check", rich_help_panel="Set-up")(check.check)
app.command("schema", rich_help_panel="Set-up")(schema.schema)
app.add_typer(sensor.app, name="sensor", rich_help_panel="Set-up")
app.add_typer(certs.app, name="certs", rich_help_panel="Set-up")


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
