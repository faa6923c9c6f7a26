"""do-mpc on the same step function and objective: the converged reference, selectable as a slow controller.

Stock `make_step` never checks success; the subclass here checks inputs, success and finiteness, and rolls its warm
start back after a failure.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from functools import cache
from typing import Any

import casadi as ca
import numpy as np

from apc.control.limits import EVERY
from apc.control.objective import CONTROLLED, Objective, reference_inputs
from apc.control.problem import Plan, Problem
from apc.control.words import binding_words
from flowsheet.assembly import Flowsheet
from flowsheet.layout import N_D, N_FEEDERS, N_U, N_X, STEP_S
from line.errors import SolverError

SUCCESS = "Solve_Succeeded"


@cache
def package() -> Any:
    """Return do-mpc, loaded on first use: it takes two seconds, and only this controller needs it."""
    with warnings.catch_warnings():
        # at import it announces optional features that nothing here uses
        warnings.simplefilter("ignore", UserWarning)
        import do_mpc
    return do_mpc


@cache
def checked_mpc() -> type[Any]:
    """Return do-mpc's MPC as a class that raises SolverError instead of returning the moves of a failed solve."""

    class CheckedMpc(package().controller.MPC):  # type: ignore[misc]
        def solve(self) -> None:
            """Solve once. Raises SolverError (input or result not finite, no success) with the warm start as before."""
            if not np.isfinite(self.opt_p_num.cat.full()).all():
                raise SolverError("input of the solver is not finite", where="do-mpc", what_now="Nothing was solved.")
            before = copy.deepcopy(self.opt_x_num.cat), copy.deepcopy(getattr(self, "lam_g_num", None))
            super().solve()
            finite = np.isfinite(self.opt_x_num.cat.full()).all()
            if not self.solver_stats["success"] or not finite:
                self.opt_x_num.master = before[0]
                if before[1] is not None:
                    self.lam_g_num = before[1]
                word = self.solver_stats["return_status"]
                raise SolverError(f"IPOPT ended with {word}", where="do-mpc", how_much="" if finite else "result not finite")

    return CheckedMpc


def build_model(flowsheet: Flowsheet) -> Any:
    """Return the control model as do-mpc's discrete Model: states x and the inputs in force, inputs are moves."""
    model = package().model.Model("discrete", "SX")
    x = model.set_variable("_x", "x", (N_X, 1))
    before = model.set_variable("_x", "u_before", (N_U, 1))
    move = model.set_variable("_u", "move", (N_U, 1))
    d = model.set_variable("_tvp", "d", (N_D, 1))
    model.set_variable("_tvp", "flow", (1, 1))
    model.set_rhs("x", flowsheet.step(x, before + move, d))
    model.set_rhs("u_before", before + move)
    model.setup()
    return model


class DoMpcController:
    """Full-horizon NLP by IPOPT, every step free. Takes 0.5-2 s a call and half a minute to build at 95 steps."""

    name = "dompc"

    def __init__(
        self,
        flowsheet: Flowsheet,
        objective: Objective,
        n_steps: int,
        max_iterations: int,
        free: Sequence[int] = tuple(range(N_U)),
    ) -> None:
        self.n_steps, self._objective, self._free = n_steps, objective, np.array(sorted(free))
        self.model = build_model(flowsheet)
        self._flow, self._d = np.ones(n_steps + 1), np.zeros(N_D)
        self._rate = np.zeros(N_U)
        self._mpc = self._build(flowsheet, max_iterations)
        self._warm = False

    def reset(self) -> None:
        """The next call starts from constant states and inputs."""
        self._warm = False

    def _build(self, flowsheet: Flowsheet, max_iterations: int) -> Any:
        mpc = checked_mpc()(self.model)
        settings = mpc.settings
        settings.n_horizon, settings.t_step, settings.n_robust = self.n_steps, STEP_S, 0
        settings.store_full_solution, settings.store_lagr_multiplier, settings.store_solver_stats = False, False, []
        settings.nlpsol_opts = {"expand": True, "ipopt.max_iter": min(max_iterations, 200), "ipopt.tol": 1e-7}
        settings.supress_ipopt_output()
        stage = self._stage(flowsheet)
        move = self.model.u["move"]
        moves = 0.5 * 100.0**2 * ca.dot(ca.DM(self._objective.moves), move**2)
        mpc.set_objective(mterm=stage, lterm=stage + moves)
        mpc.set_rterm(move=np.zeros(N_U))
        error = self._error(flowsheet)
        for output, (half_width, penalty) in sorted(self._objective.soft.items()):
            for sign, word in ((1.0, "upper"), (-1.0, "lower")):
                mpc.set_nl_cons(
                    f"{CONTROLLED[output]}_{word}",
                    sign * error[output],
                    ub=half_width,
                    soft_constraint=True,
                    penalty_term_cons=penalty * EVERY / self.n_steps,
                    maximum_violation=1e3,
                )
        mpc.set_tvp_fun(self._tvp_function(mpc.get_tvp_template()))
        with warnings.catch_warnings():
            # its own bound check calls NumPy on CasADi values
            warnings.simplefilter("ignore", FutureWarning)
            mpc.setup()
        return mpc

    def _tvp_function(self, template: Any) -> Any:
        def fill(_: float) -> Any:
            for k in range(self.n_steps + 1):
                template["_tvp", k, "d"] = self._d
                template["_tvp", k, "flow"] = self._flow[k]
            return template

        return fill

    def _error(self, flowsheet: Flowsheet) -> Any:
        m = self.model
        y = flowsheet.outputs(m.x["x"], m.x["u_before"], m.tvp["d"])[: len(CONTROLLED)]
        return 100.0 * (y / ca.DM(self._objective.targets) - 1.0)

    def _stage(self, flowsheet: Flowsheet) -> Any:
        """Return the cost of being at x with the inputs that led there; node 0 is a constant."""
        o, u, flow = self._objective, self.model.x["u_before"], self.model.tvp["flow"]
        error = self._error(flowsheet)
        cost = ca.dot(ca.DM(o.weights), error**2)
        total = 100.0 * (ca.dot(ca.DM(o.fractions), u[:N_FEEDERS]) - flow)
        cost += o.weight_flow * total**2
        for i in range(1, N_FEEDERS):
            cost += o.weight_ratio * (100.0 * (u[i] - flow)) ** 2
        for i in reference_inputs(o):
            cost += o.weight_rest * (100.0 * (u[i] - o.recipe[i])) ** 2
        return 0.5 * cost

    def plan(self, problem: Problem) -> Plan:
        """Return the converged next inputs. Raises SolverError for inputs that are not finite and for failed solves."""
        for name in ("x", "d", "u_before", "low", "high", "rate", "flow"):
            if not np.isfinite(getattr(problem, name)).all():
                raise SolverError(f"{name} of the problem is not finite", where="do-mpc", what_now="Nothing was solved.")
        self._d = problem.d
        self._flow = np.concatenate([problem.flow[:1], problem.flow])
        self._bound(problem)
        start = np.concatenate([problem.x, problem.u_before])
        if not self._warm:
            self._mpc.x0, self._mpc.u0, self._mpc.t0 = start, np.zeros(N_U), 0.0
            self._mpc.set_initial_guess()
        move = self._mpc.make_step(start)[:, 0]
        self._mpc.reset_history()
        self._warm = True
        u = np.clip(problem.u_before + move, problem.u_before - problem.rate, problem.u_before + problem.rate)
        stats = self._mpc.solver_stats
        cost = float(stats["iterations"]["obj"][-1])
        return Plan(u, SUCCESS, int(stats["iter_count"]), cost, binding_words(u, problem, self._free))

    def _bound(self, problem: Problem) -> None:
        """Write limits and rates of this decision into the solver's bounds; what may not move has no rate."""
        rate = np.zeros(N_U)
        rate[self._free] = problem.rate[self._free]
        mpc = self._mpc
        for k in range(self.n_steps):
            mpc.lb_opt_x["_u", k, 0, "move"], mpc.ub_opt_x["_u", k, 0, "move"] = -rate, rate
            low = np.minimum(problem.low, problem.u_before + (k + 1) * rate)
            high = np.maximum(problem.high, problem.u_before - (k + 1) * rate)
            mpc.lb_opt_x["_x", k + 1, 0, -1, "u_before"], mpc.ub_opt_x["_x", k + 1, 0, -1, "u_before"] = low, high
