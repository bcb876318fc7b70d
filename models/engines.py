"""The names of engines and devices, without torch."""

ENGINES = ("compiled", "cached", "reference")
"""From the fastest to the most obvious."""

AUTO = "auto"
"""The engine or device that fits best, see ``models.sampling.choose``."""

DEVICES = (AUTO, "cpu", "cuda")
