"""UNIT OPERATIONS of the simulated line: feeders, transport, blender to feed frame, press, chute.

Each knows its own state and equations, in NumPy over a leading axis of lines. None reads a tag, a file or a clock.
"""
