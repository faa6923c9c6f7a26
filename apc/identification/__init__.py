"""Identification: what recorded runs say of the line's parameters, how sure that is, and what they cannot say."""
