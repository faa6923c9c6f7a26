"""WHAT DIVERSION COSTS AND WHAT ESCAPES IT: many shifts simulated once, judged by every rule of release.

Knows the plant's truth and release's own functions. Must not know how a rule decides: it only asks `rtr`.
"""
