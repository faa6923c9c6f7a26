"""INSTRUMENTS of the simulated line: from true states to what the tags say, with delay, noise and drift.

No instrument changes what it measures.
"""
