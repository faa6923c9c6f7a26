"""`kilter scenarios`: the shipped shifts and the library of faults they are made of."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from engine.folders import find_configs
from hil.scenarios import catalogue
from kilter.figures import WIDTH_OF_A_FILE
from line.configuration import Scenario
from plant_sim.fault_library.kind import FaultClass, FaultKind
from plant_sim.fault_library.page import duration_words, severity_words
from plant_sim.faults import FAULTS

app = typer.Typer(help="Shifts that can be run, and the faults they are made of.", no_args_is_help=True)


@app.command("list")
def list_(
    faults: Annotated[bool, typer.Option("--faults", help="List the fault library in place of the scenarios.")] = False,
    kind: Annotated[FaultClass | None, typer.Option(help="With --faults: only faults of this kind.")] = None,
    configs: Annotated[Path | None, typer.Option(help="Configuration folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output, scenarios and faults.")] = False,
) -> None:
    """List every scenario with what happens in it; with --faults what each fault is physically, how far it goes and which
    tags show it.

    A scenario is run by kilter simulate, demo or hil run with --scenario NAME. A fault goes into [[faults]] of a scenario.
    """
    scenarios = catalogue(configs or find_configs(os.environ, Path.cwd()))
    chosen = [fault for fault in FAULTS.values() if kind in (None, fault.kind)]
    if as_json:
        body = {"scenarios": [_body(scenario) for scenario in scenarios], "faults": [fault.body() for fault in chosen]}
        sys.stdout.write(json.dumps(body, indent=2, allow_nan=False) + "\n")
        return
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH_OF_A_FILE)
    console.print(_fault_table(chosen) if faults or kind else _scenario_table(scenarios))


def _body(scenario: Scenario) -> dict[str, object]:
    content = scenario.model_dump(mode="json", exclude_none=True)
    wanted = ("name", "title", "minutes", "throughput_kg_per_h", "operator", "faults", "lots")
    return {key: content[key] for key in wanted} | {"expects": [item.figure for item in scenario.expect]}


def _scenario_table(scenarios: Sequence[Scenario]) -> Table:
    table = Table(title=f"Scenarios: {len(scenarios)}")
    table.add_column("name", no_wrap=True)
    table.add_column("min", justify="right")
    table.add_column("what happens")
    table.add_column("faults and lots")
    for scenario in scenarios:
        happens = [f"{fault.name} {fault.at_s // 60} min" for fault in scenario.faults]
        happens += [f"lot {lot.lot} {lot.at_s // 60} min" for lot in scenario.lots]
        table.add_row(scenario.name, f"{scenario.minutes:g}", scenario.title, ", ".join(happens) or "none")
    return table


def _fault_table(faults: Sequence[FaultKind]) -> Table:
    table = Table(title=f"Faults: {len(faults)}", show_lines=True)
    table.add_column("name", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    table.add_column("what it is")
    table.add_column("severity", max_width=18)
    table.add_column("lasts", max_width=14)
    table.add_column("tags", overflow="fold", max_width=24)
    for fault in faults:
        cells = (fault.kind.value, fault.meaning, severity_words(fault), duration_words(fault), "\n".join(fault.moves))
        table.add_row(fault.name, *cells)
    return table
