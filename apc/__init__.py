"""WHAT TO MOVE: estimation, control, numerics, supervision.

Knows the control model and what the line tells us. Must not know release, the plant's truth or the wire.
"""
