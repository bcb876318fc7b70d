"""What other packages bring along: classes that they name as entry points, imported when they are first needed.

Models are in the group ``sampling_studio.models``; the kinds of things that the description of a model speaks of are in
``sampling_studio.chains``, ``sampling_studio.alphabets`` and ``sampling_studio.factors``, each under its name in files:

    [project.entry-points."sampling_studio.factors"]
    place = "my_package.places:Place"

Chains, alphabets and factors are needed to list models: a module that defines them should not import torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import Any

from models.errors import InputError


def plug_in(group: str, name: str, base: type[Any], what: str, built_in: Iterable[str]) -> type[Any]:
    """The class that another package offers under a name, a subclass of ``base``.

    what, built_in: what messages call such a class, and the names that are known without plug-ins. Raises InputError
    for a name that nobody offers, and for a class that cannot be had.
    """
    offered = {entry.name: entry for entry in entry_points(group=group)}
    if name not in offered:
        raise InputError(f"unknown {what} {name!r}; known: {', '.join([*built_in, *offered])}")
    source = f"the plug-in {offered[name].value!r} for the {what} {name!r}"
    try:
        found = offered[name].load()
    except Exception as error:  # importing it runs its code, which may fail in any way at all
        raise InputError(f"{source} cannot be imported: {type(error).__name__}: {error}") from error
    if not (isinstance(found, type) and issubclass(found, base)):
        raise InputError(f"{source} must be a subclass of {base.__module__}.{base.__name__}")
    return found


@contextmanager
def refused_as(what: str) -> Iterator[None]:
    """Whatever goes wrong in reading a description becomes an InputError: a plug-in may fail in any way at all."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{what}: {type(error).__name__}: {error}") from error
