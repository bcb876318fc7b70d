"""The names of the engines, without torch."""

ENGINES = ("compiled", "cached", "reference")
"""From the fastest to the most obvious."""
