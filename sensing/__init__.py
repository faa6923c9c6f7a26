"""WHAT THE LINE TELLS US: spectra, preprocessing, PLS, diagnostics, validity.

Knows models as hashed files. Must not know the controller, release, the plant or the wire.
"""
