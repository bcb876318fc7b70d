"""The one decorator of every kernel: compiled without the GIL, kept on disk, in float arithmetic that may be reordered.

Kernels are functions at module level: numba cannot cache closures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

from models.kernels.cache import cache_folder

# Not by the environment variable, which is too late when somebody else has imported numba before.
cast(Any, numba.config).CACHE_DIR = str(cache_folder())

Function = TypeVar("Function", bound=Callable[..., Any])

FAST_MATH = {"nsz", "arcp", "contract", "afn", "reassoc"}
"""All but the promise that there are no infinities and no NaN: probabilities of zero have a logarithm."""


def kernel(function: Function) -> Function:
    """Compiles a function when it is first called, or loads it from the cache folder."""
    return cast(Function, numba.njit(cache=True, nogil=True, fastmath=FAST_MATH, error_model="numpy")(function))
