"""Images and sounds from files, with the conditions to score them under, as a model's symbols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from models.array_files import EXAMPLE_ARRAYS, check_rows, data_arrays, examples
from models.chain import Chain, ImageChain, Symbols
from models.checkpoint import CheckpointHeader
from models.condition import Condition, Factor, arranged, by_row, complete
from models.errors import InputError, NoRecordError
from models.files import read_saved
from models.formats import format_named
from models.record import damage_as_file_error, read_bytes
from models.trace import Trace
from models.training.data import DATA_SETS, Examples, load, order_of
from models.training.data.fsdd import normalise

# Files to be scored one by one


@dataclass(frozen=True)
class Example:
    """A sample in a file.

    symbols: int32 (T,), T at least 1. conditions: what holds from which step on, the first from step 0; complete for
    the model. conditions_from: ``option``, as they were chosen; ``file``, which says so; ``default``.
    """

    symbols: Symbols
    conditions: tuple[tuple[int, Condition], ...]
    conditions_from: str


def read_data_file(path: Path, header: CheckpointHeader, chosen: Condition | None = None) -> list[Example]:
    """What a file of one of the formats holds, as symbols of a model's chain, nothing normalised.

    A file that this program saved gives the very symbols, as far as they were drawn, and the conditions that they were
    drawn under, as far as the model has them. Any other is read as it looks, see ``Format.read_foreign``. chosen: the
    condition to score all of it under, instead of the samples' own, which may arrange the chain.
    Raises InputError for content that is not the chain's, FileError for a file that cannot be read, or is this
    program's and no longer what was saved.
    """
    factors = header.factors
    chain = arranged(header.chain, factors, chosen or {})
    form = format_named(path, chain)
    try:
        take = read_saved(path).take
    except NoRecordError:
        found = form.read_foreign(*read_bytes(path), chain)
        if found is None:
            raise
        source = "default" if chosen is None else "option"
        return [Example(symbols, ((0, complete(factors, chosen or {})),), source) for symbols in found]
    if not all(map(len, take.traces)):
        raise InputError(f"{path} holds a sample of which nothing is drawn yet")
    return [_saved_example(trace, take.chain, header, chosen, path) for trace in take.traces]


def _saved_example(
    trace: Trace, held: Chain, header: CheckpointHeader, chosen: Condition | None, path: Path
) -> Example:
    conditions = _conditions(trace, header.factors) if chosen is None else ((0, chosen),)
    chain = arranged(header.chain, header.factors, conditions[0][1])
    source = "option" if chosen is not None else "file" if _carries(trace, header.factors) else "default"
    return Example(_rearranged(trace.symbols, held, chain, path), conditions, source)


def _rearranged(symbols: Symbols, held: Chain, chain: Chain, path: Path) -> Symbols:
    """Symbols of one chain as those of another, of the same images: only the order may differ, of what is complete."""
    if held == chain:
        return symbols
    if isinstance(held, ImageChain) and isinstance(chain, ImageChain) and replace(held, order=chain.order) == chain:
        if len(symbols) < held.length:
            raise InputError(f"{path} holds a part of an image, drawn in the order {held.order}, not {chain.order}")
        return chain.symbols(held.image(symbols))
    expected = chain.to_json()
    differing = [name for name, value in held.to_json().items() if value != expected.get(name)]
    where = f" (they differ in {', '.join(differing)})" if held.describe() == chain.describe() else ""
    raise InputError(f"{path} holds {held.describe()}; the model expects {chain.describe()}{where}")


def _carries(trace: Trace, factors: Sequence[Factor]) -> bool:
    """Whether a trace was drawn under something that a model with these factors can be conditioned on."""
    held = [segment.condition for segment in trace.schedule]
    return any(f.name in condition and f.takes(condition[f.name]) for condition in held for f in factors)


def _conditions(trace: Trace, factors: Sequence[Factor]) -> tuple[tuple[int, Condition], ...]:
    """What a trace was drawn under, of that which a model with these factors has."""
    known = {factor.name: factor for factor in factors}
    held: list[tuple[int, Condition]] = []
    for segment in trace.schedule:
        taken = {n: v for n, v in segment.condition.items() if n in known and known[n].takes(v)}
        condition = complete(factors, taken)
        if segment.start < len(trace) and (not held or condition != held[-1][1]):
            held.append((segment.start, condition))
    return tuple(held)


# Data sets


def read_data_set(path: Path, header: CheckpointHeader, chosen: Condition | None = None) -> Examples:
    """A data set with its conditions: an .npz, or the folder of the data set the model learned from (its test part).

    An .npz holds ``test_images`` and ``test_labels``, or ``images`` and ``labels``; or ``samples`` with ``offsets``
    (or ``lengths``), of which ``split``, if it is there, tells the test part by ones. An array by the name of a
    condition, or ``labels`` where the model has only one, holds its values, see ``Factor.from_array``: of a category
    indices, or strings; without it the condition is left to the model. Sound is normalised as in training, see
    ``training.data.fsdd.normalise``. Images are taken as they are, each pixel at the model's nearest level: the bits
    and patches that some data sets are drawn and cut into come from a folder alone. chosen: as in ``read_data_file``.

    Raises InputError for content that the model cannot score, FileError for a file that cannot be read.
    """
    with damage_as_file_error(str(path)):
        chain = arranged(header.chain, header.factors, chosen or {})
        found = _read_folder(path, header, chain) if path.is_dir() else _read_arrays(path, header, chain)
        return found if chosen is None else replace(found, conditions=[chosen] * len(found))


def _read_arrays(path: Path, header: CheckpointHeader, chain: Chain) -> Examples:
    named = [factor for factor in header.factors if factor.of_data]
    arrays = data_arrays(*read_bytes(path), (*EXAMPLE_ARRAYS, *(factor.name for factor in named)))
    symbols, places, labels = examples(arrays, chain, prepare=normalise)
    columns = {}
    for factor in named:
        given = arrays.get(factor.name, labels if len(named) == 1 else None)
        if given is None:
            if factor.null is None:
                raise InputError(f"it has no array {factor.name!r}, and the model cannot do without")
            columns[factor.name] = [factor.null] * len(symbols)
            continue
        check_rows(given, factor.name, len(places))
        columns[factor.name] = factor.from_array(given[places])
    return Examples(symbols, by_row(columns, len(symbols)))


def _read_folder(path: Path, header: CheckpointHeader, chain: Chain) -> Examples:
    name = header.data.get("name")
    if name not in DATA_SETS:
        known = ", ".join(DATA_SETS)
        raise InputError(f"it is a folder, and the model learned from {name!r}, which is none of {known}; name an .npz")
    return load(name, path, "test", order_of(chain)).known_to(header.factors)
