"""THE WIRE: the engine's side of OPC UA and the secrets it needs.

Knows sessions, node names, units, status, age, certificates; checks every write before and reads it back.
Must not know what a move is for, what may be released, or that the plant is simulated.
"""
