"""The names of engines and devices, without torch."""

ENGINES = ("compiled", "cached", "reference")
"""From the fastest to the most obvious."""

BFLOAT16 = "bfloat16"
"""The compiled walk with weights of 16 bits: faster, but another sample, which nobody gets who did not name it."""

GRAPH = "graph"
"""The parallel pass, recorded once and replayed by the GPU: nobody has measured when it is the fastest one."""

ALL_ENGINES = (*ENGINES, BFLOAT16, GRAPH)

AUTO = "auto"
"""The engine or device that fits best, see ``models.sampling.choose``."""

DEVICES = (AUTO, "cpu", "cuda")
