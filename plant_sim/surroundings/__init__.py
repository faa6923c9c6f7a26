"""SURROUNDINGS of the simulated line: room air, powder moisture, dust extraction, refill vacuum, power.

Slow: advanced every ten seconds. Knows nothing of control or release.
"""
