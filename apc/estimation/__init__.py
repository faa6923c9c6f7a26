"""Estimation: where the line is and what disturbs it, with delays and doubts."""
