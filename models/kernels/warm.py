"""Compiles every kernel to disk: ``python -m models.kernels.warm``, to be run as a child process.

Compiling in a thread of the application would stall its window. Until this has run, walks use the torch engine. With
``--while-watched`` it ends as soon as its standard input does: a killed application leaves no child behind. With
``--nice`` it gives way to other programs, where the system knows how.
"""

from __future__ import annotations

import os
import sys
import threading
from importlib import import_module

from models.kernels.cache import is_warm, mark_warm

__all__ = ["KERNELS", "is_warm", "warm_up"]

KERNELS = tuple(
    f"models.kernels.{name}:warm_up"
    for name in (
        "gated_pixelcnn",
        "wavenet",
        "linear_autoregression",
        "pixelcnn",
        "pixelcnn_pp",
        "fvbn",
        "nade",
        "orderless_nade",
        "made",
        "transformer",
        "bytenet",
        "translation_transformer",
        "video_pixel_network",
    )
)
"""``module:function``, where the function walks a tiny model through all that its compiled decoder can do."""


NICENESS = 10


def warm_up() -> None:
    """Compiles every kernel that is not on disk yet, and records that all are."""
    for kernel in KERNELS:
        module, function = kernel.split(":")
        getattr(import_module(module), function)()
    mark_warm()


def end_with_input() -> None:
    """Ends this process when whoever holds the other end of its standard input is gone."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    if "--while-watched" in sys.argv:
        threading.Thread(target=end_with_input, daemon=True).start()
    if "--nice" in sys.argv and hasattr(os, "nice"):
        os.nice(NICENESS)
    warm_up()
