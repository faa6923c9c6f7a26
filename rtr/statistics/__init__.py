"""Compendial tests as pure functions: numbers in, verdict out. No recipe, no line, no chance."""
