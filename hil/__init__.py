"""PROOF ON HARDWARE: scenario runner, virtual plant, KPIs, reports.

Runs one scenario file against a simulated or a real endpoint, validates the simulated plant and lends it to other
people's controllers. Opens the simulated plant's truth, after the end only.
Must not decide anything about control or release.
"""
