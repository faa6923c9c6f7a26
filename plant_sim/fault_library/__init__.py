"""THE FAULT LIBRARY: one table a part of the line, each row a named fault with its physical meaning and its signature.

Rows say which effects a fault sets and how far; `plant_sim/effects.py` says what an effect is; the units say what it does.
"""
