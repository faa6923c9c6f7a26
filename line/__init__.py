"""WHAT A LINE IS: units, tags, quality, samples, clock, modes, recipes, records, ports, errors.

Imports nothing of ours and does no input or output beyond reading a configuration file it is handed.
Every other room speaks in the words defined here.
"""
