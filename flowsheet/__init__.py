"""HOW MATERIAL MOVES: the control model, one unit operation per file; residence times.

Symbolic-safe equations, no solver, no input or output. Exports nothing, so that `rtd` loads without a solver.
Must not know who controls, who releases, or which plant is there.
"""
