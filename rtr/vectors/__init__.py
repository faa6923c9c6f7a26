"""RELEASE VECTORS: runs files of cases with known answers through the functions that release uses.

A case is chosen by its group and input keys, never by its name. What is not known counts as failed.
"""
