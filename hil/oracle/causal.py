"""`causal`: the predictive controller with the plant's own parameters, state and disturbances. It knows no future."""

from __future__ import annotations

from dataclasses import replace

from apc.control.nmpc import RealTimeIteration
from apc.control.plc import VendorLoops
from apc.control.problem import Plan, Problem
from apc.supervision.assembly import build_parts, known_parameters
from apc.supervision.tuned import tuned
from engine.wiring import LineFiles
from flowsheet.parameters import flowsheet_parameters
from hil.oracle.true_model import TrueModel
from plant_sim.plant import Plant


class CausalControl:
    """Asks `nmpc`'s program of the true model: what is left is what no controller of this kind can avoid.

    Objective, limits, rates and horizon are those of all. Until tablets are made it is the vendor's loops.
    """

    name = "causal"

    def __init__(self, files: LineFiles, plant: Plant) -> None:
        configuration = tuned(files.controller, "nmpc")
        parts = build_parts(files.recipe, files.configuration, configuration, files.register, "plc")
        known = known_parameters(files.recipe, files.configuration)
        self.model = TrueModel(flowsheet_parameters(configuration.model, known), plant)
        blocks, most, free = configuration.move_blocks, configuration.max_iterations, parts.limits.free
        self._program = RealTimeIteration(self.model.flowsheet, parts.objective, blocks, most, free)
        self._vendor = VendorLoops(parts.objective.recipe, self._program.n_steps)
        self.n_steps = self._program.n_steps

    def reset(self) -> None:
        """The next call starts from constant inputs."""
        self._program.reset()

    def plan(self, problem: Problem) -> Plan:
        """Return the next inputs. Raises SolverError as `nmpc` does."""
        x, d = self.model.read(problem.u_before)
        if not self.model.pressing:
            self._program.reset()
            return self._vendor.plan(problem)
        return self._program.plan(replace(problem, x=x, d=d))
