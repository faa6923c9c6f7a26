"""THE COMPOSITION ROOT: wiring, the cycle, operator requests, alarms, the shift.

Knows every room below it and joins them. Must not hold process equations, statistics or wire protocols.
Newcomers read cycle.py first.
"""
