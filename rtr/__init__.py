"""WHAT MAY BE RELEASED. Statistics, genealogy of parcels, diversion, disposition of the lot.

Knows: the recipe, the tag register, verdicts on spectra; its own frozen residence-time model and weight map.
Must not know: the controller and what it believes, files, sockets, wall time. Nothing here adapts inside a lot.
When unsure it diverts and holds. It recommends; a person signs.
"""
