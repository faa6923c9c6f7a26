"""WHAT HAPPENED: chained entries, frames, queries, verification, ports, runs.

Knows how to keep and to prove a record. Must not know what the values mean.
"""
