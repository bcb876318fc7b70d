"""The decorators of compiled functions: without the GIL, kept on disk, in float arithmetic that may be reordered.

A ``kernel`` is called from Python. What kernels call is ``inlined``, all of it. Otherwise numba would put a copy of
such a function into each kernel under one and the same name, each optimised for where it stands, with its sums in an
order of its own; and for all of them that copy would be taken whose kernel this process compiled or loaded first: what
a kernel computes would depend, in the last bits, on what was used before it. Only the products in ``matrix``, whose
operations are written out in their order, are kernels that kernels call: every copy of them gives the same bits.

Compiled functions stand at module level: numba cannot cache closures.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar, cast

import numba
from numba.core.caching import IndexDataCacheFile

from models.kernels.cache import cache_folder

# Not by the environment variable, which is too late when somebody else has imported numba before.
cast(Any, numba.config).CACHE_DIR = str(cache_folder())


class ForgivingCacheFile(IndexDataCacheFile):
    """A kernel's file whose damage, as a loss of power leaves it, means that it is compiled again."""

    def load(self, key: object) -> object:
        try:
            return cast(Any, super()).load(key)
        except Exception:  # pickle raises whatever the bytes happen to mean
            with suppress(OSError):
                cast(Any, self).flush()
            return None


Function = TypeVar("Function", bound=Callable[..., Any])

FAST_MATH = {"nsz", "arcp", "contract", "afn", "reassoc"}
"""All but the promise that there are no infinities and no NaN: probabilities of zero have a logarithm."""


def kernel(function: Function) -> Function:
    """Compiles a function when it is first called, or loads it from the cache folder."""
    return _compiled(function)


def inlined(function: Function) -> Function:
    """The same for a function that kernels call; each call becomes a copy of it within the kernel."""
    return _compiled(function, forceinline=True, no_cfunc_wrapper=True)


def _compiled(function: Function, **options: Any) -> Function:
    compiled: Any = numba.njit(cache=True, nogil=True, fastmath=FAST_MATH, error_model="numpy", **options)(function)
    compiled._cache._cache_file.__class__ = ForgivingCacheFile
    return cast(Function, compiled)
