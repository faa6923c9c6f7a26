"""`kilter hil`: a scenario on the bench, its figures of merit against what the scenario expects."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hil.kpis import FIGURES, Kpis
from hil.virtual_plant import PlantChoice
from kilter.demo import AsJson, Controller, Fault, Lot, Minutes, PlantSeed, PlantVariant, Runs, Secrets, Seed, Variant
from kilter.figures import Figure, show_figures
from kilter.runner import Request, run_request
from line import errors
from line.configuration import Scenario, near

app = typer.Typer(help="Scenarios on the bench, against a simulated or a real endpoint.", no_args_is_help=True)


@app.command("run")
def run_scenario(
    scenario: Annotated[str, typer.Option(help="Scenario by name or .toml path.")] = "demo",
    endpoint: Annotated[
        str | None, typer.Option(help="opc.tcp://... of a plant that is stepped by us; left out: a simulated plant of its own.")
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Soft sensor file; left out: calibrated for the simulated probe.")] = None,
    seed: Seed = 1,
    minutes: Minutes = None,
    fault: Fault = None,
    variant: Variant = PlantVariant.A,
    plant_seed: PlantSeed = None,
    controller: Controller = "nmpc",
    runs: Runs = Path("runs"),
    secrets: Secrets = Path("secrets"),
    lot: Lot = None,
    as_json: AsJson = False,
) -> None:
    """Run a scenario and compare its figures with what it expects. Exit 0 if all hold, 1 if not, 2 for bad input.

    Against an endpoint the truth figures are empty: a real line has no truth to show.
    """
    request = Request(
        scenario, seed, controller, runs, secrets, lot, minutes, fault, endpoint=endpoint, as_json=as_json, model_file=model,
        plant=PlantChoice(variant.value, plant_seed),
    )  # fmt: skip
    outcome = run_request(request)
    if outcome.result.end.error is not None:
        raise outcome.result.end.error
    extra = {"lot": outcome.folder.name, **outcome.body()}
    raise typer.Exit(show_figures(f"Scenario {scenario}", figures(outcome.scenario, outcome.kpis), as_json, extra))


def figures(scenario: Scenario, kpis: Kpis) -> list[Figure]:
    """Return every figure of merit, those that the scenario expects something of with their bands."""
    wanted = {item.figure: item for item in scenario.expect}
    unknown = [name for name in wanted if name not in FIGURES]
    if unknown:
        faults = [errors.Fault(scenario.name, "expect.figure", name, near(name, list(FIGURES))) for name in unknown]
        raise errors.ConfigurationFaults(faults)
    found = []
    for name, (_, _, unit) in FIGURES.items():
        value, item = kpis[name], wanted.get(name)
        if value is None and item is not None and not kpis.has_truth:
            item = None
        source = item.source if item else "record and, where there is one, truth"
        bands = (item.at_least, item.at_most) if item else (None, None)
        number = None if value is None else float(value)
        found.append(Figure(name, number, unit, source, at_least=bands[0], at_most=bands[1]))
    return found
