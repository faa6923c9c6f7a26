"""The PLC of the simulated line: set-point guard, watchdog, line states, interlocks and the level-1 loops.

Knows what a PLC can know: set-points, its own scales, levels and forces. Must not know the truth of the plant.
Everything is vectorised over lines; a decision of one line never touches another.
"""
