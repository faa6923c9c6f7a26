"""Supervision: modes, checks, shedding; the only door between a plan and a move."""
