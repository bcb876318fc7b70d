"""The names of engines and devices, without torch."""

ENGINES = ("compiled", "cached", "reference")
"""From the fastest to the most obvious."""

BFLOAT16 = "bfloat16"
"""The compiled walk with weights of 16 bits: faster, but another sample, which nobody gets who did not name it."""

ALL_ENGINES = (*ENGINES, BFLOAT16)

AUTO = "auto"
"""The engine or device that fits best, see ``models.sampling.choose``."""

DEVICES = (AUTO, "cpu", "cuda")
