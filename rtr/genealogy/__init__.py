"""Which material is where: residence times, evidence roads, tablet mass, parcels, the diversion rule.

Frozen models only. Must not know what a lot is worth: that is `rtr.disposition`.
"""
