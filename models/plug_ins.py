"""What other packages bring along: classes that they name as entry points, imported when they are first needed.

Models are in the group ``sampling_studio.models``; the kinds of things that the description of a model speaks of are in
``sampling_studio.chains``, ``sampling_studio.alphabets`` and ``sampling_studio.factors``, each under its name in files:

    [project.entry-points."sampling_studio.factors"]
    place = "my_package.places:Place"

Chains, alphabets and factors are needed to list models: a module that defines them should not import torch.
A class is found again by the name that it writes into files, so that name must be the entry point's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from models.errors import InputError


def find_class(
    name: str, built_in: Mapping[str, type[Any] | str], group: str, base: type[Any], *, what: str, attribute: str
) -> type[Any]:
    """The class of a name: one that is built in, or one that another package offers in a group.

    built_in: classes, or ``module:class`` of one that is imported when it is first needed. base: what a class of the
    group must be a subclass of. what: what messages call it. attribute: where the class itself holds its name.
    Raises InputError for a name that nobody offers, and for a class that cannot be had or goes by another name.
    """
    found = built_in.get(name)
    if isinstance(found, str):
        module, _, class_name = found.partition(":")
        found = getattr(import_module(module), class_name)
    return found or _plug_in(name, built_in, group, base, what, attribute)


def _plug_in(
    name: str, built_in: Mapping[str, Any], group: str, base: type[Any], what: str, attribute: str
) -> type[Any]:
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
    if getattr(found, attribute, None) != name:
        raise InputError(f"{source} must have the {attribute} {name!r}, not {getattr(found, attribute, None)!r}")
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
