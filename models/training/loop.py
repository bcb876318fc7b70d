"""One training loop for every model: maximum likelihood, with EMA, cosine schedule, resume and early stop.

The order of the examples, the dropping of factors and the drawing of what is drawn are pure functions of (seed, epoch,
step), so that a run which was stopped and resumed sees what an uninterrupted one would have seen. Several processes,
see ``distributed``, share the rows of every batch and learn what one would have learned, up to rounding; only what
torch draws within a step (dropout, orders) differs with their number.

A model that learns by counting is given every example once and needs neither steps nor a learning rate: its recipe's
optimiser is a closed form.
"""

from __future__ import annotations

import itertools
import json
import math
import shutil
import signal
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor

from models import distributed
from models.atomic import write_atomically
from models.catalog import SHIPPED
from models.chain import INT16_PEAK, SoundChain
from models.checkpoint import MAX_TEXT, NAME, read_header, save_checkpoint, weights_hash
from models.condition import Condition, Factor
from models.conditional import Conditional
from models.errors import FileError, InputError
from models.hardware import hardware
from models.likelihood import Likelihood, measure, part_name
from models.model import AutoregressiveModel, ModelSpec
from models.networks import network_class
from models.noise import MAX_SEED
from models.orders import RASTER
from models.training.data import Examples, data_set, in_order, load, order_of
from models.training.data.base import Rows

WHISTLES = 3
"""In each row."""
LOWEST_WHISTLE = 300.0
"""Hz."""
WHISTLE_RANGE = 300.0
"""How many times softer than the loudest one the softest whistle is."""

LOWEST_LEARNING_RATE = 0.02
"""The end of the cosine, as a fraction of the recipe's learning rate."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run, read from a TOML file; each field's meaning stands beside it there.

    All fields are given, but for a closed form, whose recipe leaves out those of GRADIENT_FIELDS. Its ``batch`` is how
    much is counted at once, and ``any_rate`` how much of the data is counted without its factors.
    """

    name: str
    title: str
    architecture: str
    data: str
    optimiser: str
    seed: int
    steps: int
    batch: int
    learning_rate: float
    warmup: int
    ema: float
    clip: float
    weight_decay: float
    any_rate: float
    stop_weight: float
    validate_every: int
    validation_limit: int
    patience: int
    compile: bool
    network: Mapping[str, Any]
    order: str = RASTER
    """Of the pixels of images, see ``orders``. It may be left out, as may what follows."""
    start: str = ""
    """The checkpoint whose weights training starts from, where their names and shapes are those of this network; the
    rest are random. NAME.safetensors beside what is trained, or among those that come with the program."""
    whistles: float = 0.0
    """How loud the tones are, of full scale, that are heard in the past which the network is given: ``whistled``."""
    clean: float = 0.0
    """The share of the examples whose past is the true one nevertheless."""

    @property
    def closed_form(self) -> bool:
        """Whether the model is fitted in one pass, see ``AutoregressiveModel.fit``."""
        return self.optimiser == CLOSED_FORM

    def to_json(self) -> dict[str, Any]:
        """What stands in the TOML file."""
        fields = asdict(self)
        left_out = {*(GRADIENT_FIELDS if self.closed_form else ())}
        left_out |= {name for name, usual in OPTIONAL.items() if fields[name] == usual}
        return {name: fields[name] for name in fields if name not in left_out}


OPTIONAL = {"order": RASTER, "start": "", "whistles": 0.0, "clean": 0.0}
CLOSED_FORM = "closed form"
OPTIMISERS = ("adamw", "muon", CLOSED_FORM)

GRADIENT_FIELDS = {
    "steps": 1, "learning_rate": 1.0, "warmup": 0, "ema": 0.0, "clip": 1.0, "weight_decay": 0.0, "stop_weight": 1.0,
    "validate_every": 1, "patience": 1, "compile": False,
}  # fmt: skip
"""What only a training by gradient has, and what a closed form, which is one step, amounts to in these terms."""

RANGES = {
    "seed": (0, MAX_SEED), "steps": (1, 10**9), "batch": (1, 10**9), "learning_rate": (1e-12, 10.0),
    "warmup": (0, 10**9), "ema": (0.0, 1.0), "clip": (1e-12, 1e12), "weight_decay": (0.0, 1e3), "any_rate": (0.0, 1.0),
    "stop_weight": (0.0, 1e6), "whistles": (0.0, 1.0), "clean": (0.0, 1.0), "validate_every": (1, 10**9),
    "validation_limit": (1, 10**9), "patience": (1, 10**9),
}  # fmt: skip
"""The smallest and the largest value of each number in a recipe."""


def read_recipe(path: Path) -> Recipe:
    """A recipe from a TOML file; raises InputError with the field that is wrong or missing."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        if table.get("optimiser") == CLOSED_FORM:
            if meaningless := [name for name in GRADIENT_FIELDS if name in table]:
                raise InputError(f"{path}: a closed form has no {', '.join(meaningless)}; leave them out")
            table |= GRADIENT_FIELDS
        recipe = Recipe(**table)
    except OSError as error:
        raise InputError(f"cannot read the recipe {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, TypeError) as error:
        raise InputError(f"{path} is not a recipe: {error}") from None
    for name in ("name", "title", "architecture", "data", "order"):
        text = getattr(recipe, name)
        if not isinstance(text, str) or not text.strip() or not text.isprintable() or len(text) > MAX_TEXT:
            raise InputError(f"{path}: {name} is one line of 1 to {MAX_TEXT} characters, not {text!r}")
    for name, text in (("name", recipe.name), *([("start", recipe.start)] if recipe.start != "" else [])):
        if not isinstance(text, str) or not NAME.fullmatch(text):
            raise InputError(f"{path}: {name} is made of letters, digits and _ . + -, not {text!r}")
    if recipe.closed_form and (recipe.start or recipe.whistles):
        raise InputError(f"{path}: a closed form has no start and no whistles; leave them out")
    if not isinstance(recipe.network, dict):
        raise InputError(f"{path}: network is a table of the network's sizes, not {recipe.network!r}")
    if not isinstance(recipe.compile, bool):
        raise InputError(f"{path}: compile is true or false, not {recipe.compile!r}")
    if recipe.optimiser not in OPTIMISERS:
        raise InputError(f"{path}: optimiser is one of {', '.join(OPTIMISERS)}, not {recipe.optimiser!r}")
    for name, (least, most) in RANGES.items():
        value = getattr(recipe, name)
        fits = type(value) is int or (type(value) is float and Recipe.__annotations__[name] == "float")
        if not fits or not least <= value <= most:
            kind = "whole number" if Recipe.__annotations__[name] == "int" else "number"
            raise InputError(f"{path}: {name} is a {kind} in {least:g} … {most:g}, not {value!r}")
    return recipe


def build(recipe: Recipe) -> AutoregressiveModel:
    data = data_set(recipe.data)
    chain = in_order(data, recipe.order)
    kind = network_class(recipe.architecture)
    torch.manual_seed(recipe.seed)
    return kind(ModelSpec(recipe.architecture, chain, kind.factors_for(data.factors, chain), recipe.network))


class Muon(torch.optim.Muon):
    """Muon for weights of two and more axes: a convolution's (out, in, ...) is the matrix (out, in x ...).

    K. Jordan and others, "Muon: An optimizer for hidden layers in neural networks", 2024. Updates are orthogonalised
    and then scaled to AdamW's size, so that one learning rate serves both. It takes whatever weights it is given, see
    ``optimisers``, and changes them through matrices that share their memory: they must stay where they are.
    """

    def __init__(self, weights: Sequence[Tensor], lr: float, weight_decay: float) -> None:
        self.weights = weights
        matrices = [torch.nn.Parameter(weight.detach().view(len(weight), -1)) for weight in weights]
        super().__init__(matrices, lr=lr, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")

    @property
    def matrices(self) -> Sequence[Tensor]:
        """The weights as matrices, in the same memory."""
        matrices: Sequence[Tensor] = self.param_groups[0]["params"]
        return matrices

    def zero_grad(self, set_to_none: bool = True) -> None:
        super().zero_grad(set_to_none)
        for weight in self.weights:
            if set_to_none:
                weight.grad = None
            elif weight.grad is not None:
                weight.grad.zero_()

    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Raises RuntimeError if the weights no longer lie where they were: copies would learn in their place."""
        for weight, matrix in zip(self.weights, self.matrices, strict=True):
            if weight.data_ptr() != matrix.data_ptr():
                raise RuntimeError("the weights of a Muon have moved: move a model before its optimisers are made")
            matrix.grad = None if weight.grad is None else weight.grad.flatten(1)
        super().step()  # type: ignore[no-untyped-call]


def optimisers(recipe: Recipe, model: AutoregressiveModel) -> list[torch.optim.Optimizer]:
    """AdamW for every parameter; or Muon for the weights of all linear layers and convolutions but the last.

    The first one is Muon's, too, where its authors would leave the input to AdamW, whose part is the rest: embeddings,
    biases and the last layer. A closed form has none. Raises InputError for a model without weights for Muon.
    """
    if recipe.closed_form:
        return []
    hidden: list[Tensor] = []
    if recipe.optimiser == "muon":
        layers = [m for m in model.modules() if isinstance(m, torch.nn.Linear | torch.nn.Conv1d | torch.nn.Conv2d)]
        hidden = [layer.weight for layer in layers[:-1]]
        if not hidden:
            raise InputError(f"{recipe.name}: a {recipe.architecture} has no matrices for Muon; use adamw")
    inner = {id(p) for p in hidden}
    rest = [p for p in model.parameters() if id(p) not in inner]
    rate, decay = recipe.learning_rate, recipe.weight_decay
    chosen: list[torch.optim.Optimizer] = [torch.optim.AdamW(rest, lr=rate, weight_decay=decay, betas=(0.9, 0.99))]
    if hidden:
        chosen.append(Muon(hidden, rate, decay))
    return chosen


def batches(recipe: Recipe, examples: Examples, start: int) -> Iterator[tuple[Examples, npt.NDArray[np.int64]]]:
    """The examples as they are in the epoch, and the indices of those of each step from ``start`` on.

    Both are the same whether or not a run was interrupted.
    """
    equal = len({len(row) for row in examples.symbols}) == 1
    for epoch in itertools.count():
        rng = np.random.default_rng([recipe.seed, epoch])
        if equal:
            order = rng.permutation(len(examples))
            chunks = [order[i : i + recipe.batch] for i in range(0, len(order) - recipe.batch + 1, recipe.batch)]
            if not chunks:
                raise InputError(f"a batch of {recipe.batch} is larger than the data: {len(order)} examples")
            seen = drawn(recipe, examples, epoch) if start < len(chunks) else examples
        else:
            seen = drawn(recipe, examples, epoch)  # of other lengths than the epoch before
            chunks = by_length(np.array([len(row) for row in seen.symbols]), recipe.batch, rng)
        for chunk in chunks[start:]:
            yield seen, chunk
        start = max(0, start - len(chunks))


def drawn(recipe: Recipe, examples: Examples, epoch: int) -> Examples:
    """The examples of an epoch: what is a random draw is drawn anew, as the seed and the epoch say."""
    if examples.redraw is None:
        return examples
    return examples.redraw(np.random.default_rng([recipe.seed, 0xD2A, epoch]))


def seed_of(recipe: Recipe, step: int) -> int:
    """Of torch's generator in a step, which drops features or draws orders, also after a resume.

    Each process has its own, as it has other rows; that of process 0 is that of a process that is alone.
    """
    further = [distributed.rank()] if distributed.rank() else []
    return int(np.random.SeedSequence([recipe.seed, 0x70C, step, *further]).generate_state(1, np.uint64)[0])


def whole_pass(recipe: Recipe, examples: Examples) -> Iterator[npt.NDArray[np.int64]]:
    """The indices of all examples, each once: batches of one length, so that nothing is padded."""
    lengths = np.array([len(s) for s in examples.symbols])
    order = np.argsort(lengths, kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(lengths[order])) + 1):
        count = recipe.batch if np.ptp(lengths) == 0 else max(1, recipe.batch // int(lengths[group[0]]))
        yield from (group[i : i + count] for i in range(0, len(group), count))


def by_length(lengths: npt.NDArray[np.int64], budget: int, rng: np.random.Generator) -> list[npt.NDArray[np.int64]]:
    """Batches of like lengths, each of at most ``budget`` variables with its padding, in random order."""
    order = np.argsort(lengths * rng.uniform(0.9, 1.1, len(lengths)))
    chunks: list[list[int]] = [[]]
    longest = 0
    for index in order:
        longest = max(longest, int(lengths[index]))
        if chunks[-1] and longest * (len(chunks[-1]) + 1) > budget:
            chunks.append([])
            longest = int(lengths[index])
        chunks[-1].append(int(index))
    return [np.array(chunks[i]) for i in rng.permutation(len(chunks))]


def collate(examples: Examples, chosen: npt.NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    """Symbols (B, T) padded with zeros, and the mask (B, T) of those that count."""
    if isinstance(examples.symbols, Rows):  # nothing to pad; row by row it takes half a minute for all MNIST's patches
        table = torch.from_numpy(examples.symbols.table[chosen].astype(np.int64))
        return table, torch.ones_like(table, dtype=torch.bool)
    rows = [examples.symbols[i] for i in chosen]
    lengths = torch.tensor([len(row) for row in rows])
    symbols = torch.zeros(len(rows), int(lengths.max()), dtype=torch.int64)
    for n, row in enumerate(rows):
        symbols[n, : len(row)] = torch.from_numpy(np.asarray(row, np.int64))
    return symbols, torch.arange(symbols.shape[1]) < lengths[:, None]


def drop_factors(
    recipe: Recipe, factors: Sequence[Factor], conditions: Sequence[Condition], step: int
) -> Sequence[Condition]:
    """Each factor of the data replaced by its null at the recipe's rate, where it has one."""
    factors = [factor for factor in factors if factor.of_data]
    rng = np.random.default_rng([recipe.seed, 0xA27, step])
    dropped = rng.random((len(conditions), len(factors))) < recipe.any_rate
    result = [dict(condition) for condition in conditions]
    for column, factor in enumerate(factors):
        if factor.null is not None:
            for n in np.flatnonzero(dropped[:, column]):
                result[n][factor.name] = factor.null
    return result


def whistled(chain: SoundChain, symbols: Tensor, loudest: float, clean: float = 0.0) -> Tensor:
    """Sounds (B, T) in which a few tones can be heard that do not belong there, from some moment on.

    Who only ever sees the true past does not learn that what it did wrong itself is wrong, and goes on with it: a note
    is in tune and whistles on one of its high harmonics, ever louder. Stop symbols stay.

    loudest: of full scale. clean: the share of the sounds in which none are heard.
    """
    levels, device = chain.alphabet.levels, symbols.device
    rows, steps = symbols.shape
    table = torch.from_numpy(chain.alphabet.decode(np.arange(levels)) / INT16_PEAK).float().to(device)
    edges = (table[1:] + table[:-1]) / 2
    chance = torch.rand(4, rows, WHISTLES, 1, device=device)
    low, high = (math.log(hertz / chain.rate) for hertz in (LOWEST_WHISTLE, 0.45 * chain.rate))
    frequency = torch.exp(low + (high - low) * chance[0])
    amplitude = loudest * torch.exp(-math.log(WHISTLE_RANGE) * chance[1])
    at = torch.arange(steps, device=device)
    since = at >= steps * (2 * chance[2] - 1)  # of one half of them, from the beginning on
    tones = (amplitude * since * torch.sin(2 * math.pi * (frequency * at + chance[3]))).sum(1)
    if clean:
        tones = tones * (torch.rand(rows, 1, device=device) >= clean)
    heard = torch.bucketize(table[symbols.clamp_max(levels - 1)] + tones, edges)
    return torch.where(symbols < levels, heard, symbols)


def take_weights(model: AutoregressiveModel, path: Path) -> dict[str, Any]:
    """Copies a checkpoint's weights into a model where name and shape agree; how many did, and how they were trained.

    Raises InputError if none does, or if they are of as many symbols that mean something else, and what ``read_header``
    raises.
    """
    header, known = read_header(path), load_file(path)  # of a network that may since have got more weights
    theirs, ours = header.chain.alphabet, model.chain.alphabet
    if theirs != ours and theirs.size == ours.size:
        raise InputError(f"nothing can start from {path}: its symbols are {theirs.describe()}, not {ours.describe()}")
    taken = 0
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if name in known and known[name].shape == weights.shape:
                weights.copy_(known[name])
                taken += weights.numel()
    if not taken:
        raise InputError(f"nothing in {path} fits this {model.architecture}: no weights have its names and shapes")
    return {"name": path.stem, "weights": taken, "hash": weights_hash(path), "training": header.training}


class Trainer:
    """A run of a recipe. ``run`` trains to the end or to the early stop and leaves the best checkpoint at ``out``.

    A closed form keeps no state: there is nothing in it to resume; and it is one pass for one process, of several it
    raises InputError. Otherwise several processes make the same calls; each holds the same weights, and process 0
    reports and writes.
    """

    def __init__(
        self,
        recipe: Recipe,
        data_folder: Path,
        out: Path,
        *,
        device: str,
        command: str,
    ) -> None:
        if recipe.closed_form and distributed.world_size() > 1:
            raise InputError(f"{recipe.name} has a closed form, which one process counts: start it without torchrun")
        self.recipe = recipe
        self.out = out
        self.state_file = out.with_suffix(".state")
        self.device = torch.device(device)
        self.command = command
        self.data = data_set(recipe.data)
        if recipe.whistles and not isinstance(self.data.chain, SoundChain):
            raise InputError(f"{recipe.name}: only a sound can whistle; leave whistles out")
        self.model = build(recipe).to(self.device)
        order = order_of(self.model.default_chain)  # the rows name none
        self.train, self.valid = (
            load(recipe.data, data_folder, split, order).known_to(self.model.factors) for split in ("train", "valid")
        )
        self.start = take_weights(self.model, self.start_file()) if recipe.start else None
        self.ema = self.model
        if not recipe.closed_form:
            self.ema = build(recipe).to(self.device).eval()
            self.ema.load_state_dict(self.model.state_dict())
        self.optimisers = optimisers(recipe, self.model)
        self.step = 0
        self.seconds = 0.0
        self.best: Likelihood | None = None
        self.since_best = 0
        self.history: list[dict[str, float]] = []

    def start_file(self) -> Path:
        """Raises InputError where there is no checkpoint of that name."""
        name = f"{self.recipe.start}.safetensors"
        for folder in (self.out.absolute().parent, SHIPPED / "checkpoints"):
            if (folder / name).is_file() and folder / name != self.out.absolute():
                return folder / name
        raise InputError(
            f"{self.recipe.name} starts from {name}, which is neither beside {self.out} nor comes with the program: "
            "train it first"
        )

    def learning_rate(self, step: int) -> float:
        if step < self.recipe.warmup:
            return self.recipe.learning_rate * (step + 1) / self.recipe.warmup
        done = (step - self.recipe.warmup) / max(1, self.recipe.steps - self.recipe.warmup)
        cosine = 0.5 + 0.5 * math.cos(math.pi * min(1.0, done))
        return self.recipe.learning_rate * (LOWEST_LEARNING_RATE + (1 - LOWEST_LEARNING_RATE) * cosine)

    def loss(self, symbols: Tensor, mask: Tensor, condition: Tensor) -> Tensor:
        """Mean negative log-likelihood of the variables that count, in nats."""
        given = symbols
        if self.recipe.whistles:
            assert isinstance(self.data.chain, SoundChain)
            given = whistled(self.data.chain, symbols, self.recipe.whistles, self.recipe.clean)
        with torch.autocast(self.device.type, torch.bfloat16):
            conditional, weights = self.model.training_pass(given, condition)
        # In bfloat16 the logit of a likely symbol and the log-sum-exp above it round to the same number: most of an
        # image's background would cost exactly nothing.
        conditional = conditional.to(torch.float32)
        nats = -conditional.log_prob(symbols)
        weighted = nats + (self.recipe.stop_weight - 1) * self.stop_decision(conditional, symbols)
        return (weighted * weights * mask).sum() / mask.sum().clamp_min(1)

    def batch(self, examples: Examples, chosen: npt.NDArray[np.int64], step: int) -> tuple[Tensor, Tensor, Tensor]:
        """What ``loss`` takes of the chosen examples at a step: symbols, mask and condition of this process's rows.

        Where there are fewer rows than processes, those without take a row that does not count: nobody may be missing
        when gradients are averaged.
        """
        rows = drop_factors(self.recipe, self.model.factors, [examples.conditions[i] for i in chosen], step)
        own = list(range(distributed.rank(), len(chosen), distributed.world_size()))
        taken = own or [0]
        symbols, mask = collate(examples, chosen[taken])
        mask &= bool(own)
        return symbols.to(self.device), mask.to(self.device), self.model.condition_tensor([rows[n] for n in taken])

    def compiled_loss(self) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
        """The loss by torch.compile; as it is, slower, where that fails for whatever reason."""
        self.report("compiling the network: a minute or some more, in which Ctrl-C waits …", end=True)
        compiled = torch.compile(self.loss, dynamic=self.data.chain.length is None)
        try:
            loss: Tensor = compiled(*self.batch(*next(batches(self.recipe, self.train, self.step)), self.step))
            loss.backward()  # type: ignore[no-untyped-call]
        except InputError:
            raise
        except Exception as error:  # of another compiler, with files in a cache that a killed run left
            first = (str(error).strip() or "?").splitlines()[0]
            self.report(f"it cannot be compiled, so training is slower: {type(error).__name__}: {first}", end=True)
            return self.loss
        finally:
            self.model.zero_grad(set_to_none=True)
        return compiled

    def stop_decision(self, conditional: Conditional, symbols: Tensor) -> Tensor | float:
        """Negative log-likelihood of whether each variable is the stop symbol, in nats (B, T).

        log p(x_i) = log p(stop or not) + log p(x_i | not stop), so that weighing the first term, for both outcomes
        alike, moves no optimum. It is one decision in thousands of variables and would be learned last.
        """
        stop = self.data.chain.alphabet.stop_symbol
        if stop is None or self.recipe.stop_weight == 1:
            return 0.0
        log_stop = conditional.log_prob(torch.full_like(symbols, stop))
        goes_on = -torch.log1p(-log_stop.exp().clamp_max(1 - 1e-6))
        return torch.where(symbols == stop, -log_stop, goes_on)

    def run(self) -> Likelihood:
        """Trains and returns the best validation. Ctrl-C raises KeyboardInterrupt between two steps, not within one."""
        with interrupts_held() as raise_if_interrupted:
            learn = self._fit if self.recipe.closed_form else self._descend
            return learn(distributed.together(raise_if_interrupted))

    def _fit(self, raise_if_interrupted: Callable[[], None]) -> Likelihood:
        """The closed form."""
        started = time.monotonic()
        with torch.no_grad():
            self.model.fit(self.counted(raise_if_interrupted))
        self.step, self.seconds = 1, time.monotonic() - started
        self.validate()
        assert self.best is not None
        return self.best

    def counted(self, raise_if_interrupted: Callable[[], None]) -> Iterator[tuple[Tensor, Tensor]]:
        """What ``AutoregressiveModel.fit`` reads: the first epoch of the training part, in order."""
        examples = drawn(self.recipe, self.train, 0)
        for step, chosen in enumerate(whole_pass(self.recipe, examples)):
            raise_if_interrupted()
            symbols, _, condition = self.batch(examples, chosen, step)
            yield symbols, condition

    def _descend(self, raise_if_interrupted: Callable[[], None]) -> Likelihood:
        recipe = self.recipe
        loss_of = self.compiled_loss() if recipe.compile and can_compile() else self.loss
        raise_if_interrupted()
        loss_of = distributed.data_parallel(self.model, loss_of)
        mean_loss, started, began_at = 0.0, time.monotonic(), self.step
        seconds_before = self.seconds
        for examples, chosen in batches(recipe, self.train, self.step):
            if self.step >= recipe.steps or self.since_best >= recipe.patience:
                break
            raise_if_interrupted()
            batch = self.batch(examples, chosen, self.step)
            torch.manual_seed(seed_of(recipe, self.step))
            for optimiser in self.optimisers:
                for group in optimiser.param_groups:
                    group["lr"] = self.learning_rate(self.step)
            variables = float(batch[1].sum())  # the mean over processes is weighted to be that over variables
            loss = loss_of(*batch) * (variables / distributed.mean(variables))
            self.model.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), recipe.clip)
            for optimiser in self.optimisers:
                optimiser.step()
            self.step += 1
            self.update_ema()
            now = distributed.mean(loss.item())
            mean_loss = now if not mean_loss else 0.98 * mean_loss + 0.02 * now
            self.seconds = seconds_before + time.monotonic() - started
            if self.step % 20 == 0:
                pace = (time.monotonic() - started) / (self.step - began_at)
                left = pace * (recipe.steps - self.step) / 60
                self.report(
                    f"step {self.step}/{recipe.steps}  loss {mean_loss / math.log(2):.4f} bits  "
                    f"{pace:.2f} s/step  {left:.0f} min left"
                )
            if self.step % recipe.validate_every == 0 or self.step == recipe.steps:
                self.validate()
        assert self.best is not None
        return self.best

    @torch.no_grad()
    def update_ema(self) -> None:
        decay = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        for mean, value in zip(self.ema.parameters(), self.model.parameters(), strict=True):
            mean.lerp_(value, 1 - decay)

    def validate(self) -> None:
        likelihood = measure(self.ema, self.valid, limit=self.recipe.validation_limit)
        self.history.append({"step": self.step, "bits_per_dim": round(likelihood.bits_per_dim, 5)})
        if self.best is None or likelihood.bits_per_dim < self.best.bits_per_dim:
            self.best, self.since_best = likelihood, 0
            self.save()
        else:
            self.since_best += 1
        if not self.recipe.closed_form:
            self.save_state()
        noun = self.data.chain.step_noun
        self.report(f"step {self.step}  validation {likelihood.bits_per_dim:.4f} bits/{noun}", end=True)

    def save(self) -> None:
        if distributed.rank():
            return
        processes, machine = distributed.world_size(), hardware(self.device)
        record = {
            "recipe": self.recipe.to_json(),
            "command": self.command,
            "steps": self.step,
            "seconds": round(self.seconds),
            "hardware": machine if processes == 1 else f"{processes} processes, each {machine}",
            "validation": self.history,
        }
        if self.start:
            record["start"] = self.start
        save_checkpoint(
            self.out,
            self.ema,
            name=self.recipe.name,
            title=self.recipe.title,
            data={
                "name": self.data.name,
                "title": self.data.title,
                "licence": self.data.licence,
                "attribution": self.data.attribution,
            },
            training=record,
            likelihood={part_name("valid", type(self.model)): self.best.to_json()} if self.best else {},
        )

    def optimised_names(self) -> dict[Tensor, str]:
        """The names of what the optimisers change."""
        names: dict[Tensor, str] = {p: name for name, p in self.model.named_parameters()}
        for optimiser in self.optimisers:
            if isinstance(optimiser, Muon):
                names |= {m: names[w] for w, m in zip(optimiser.weights, optimiser.matrices, strict=True)}
        return names

    def save_state(self) -> None:
        """Everything ``resume`` needs, as tensors and JSON: nothing in it is executed when it is read.

        Of several processes the first writes it, and the others wait: where one ends, torchrun ends the others.
        """
        if distributed.rank() == 0:
            self._write_state()
        distributed.wait_for_all()

    def _write_state(self) -> None:
        tensors: dict[str, Tensor] = {}
        names = self.optimised_names()
        for prefix, model in (("model.", self.model), ("ema.", self.ema)):
            tensors |= {prefix + name: p.detach().contiguous() for name, p in model.named_parameters()}
        for optimiser in self.optimisers:
            for p, moments in optimiser.state.items():
                tensors |= {f"{moment}.{names[p]}": value for moment, value in moments.items() if moment != "step"}
        progress = {
            "step": self.step,
            "seconds": self.seconds,
            "since_best": self.since_best,
            "history": self.history,
            "best": self.best.to_json() if self.best else None,
            "start": self.start,
            "recipe": asdict(self.recipe),
        }
        write_atomically(self.state_file, to_bytes(tensors, metadata={"progress": json.dumps(progress)}))

    def resume(self) -> None:
        """Goes on from the state file beside ``out``.

        Raises InputError where there is none, or of another recipe; FileError if it is damaged.
        """
        if not self.state_file.exists():
            raise InputError(f"nothing to resume: there is no {self.state_file}")
        try:
            self._read_state()
        except InputError:
            raise
        except (SafetensorError, OSError, LookupError, TypeError, ValueError, RuntimeError) as error:
            raise FileError(f"{self.state_file} is damaged; remove it to start again: {error}") from None

    def _read_state(self) -> None:
        from safetensors import safe_open

        with safe_open(self.state_file, "pt") as file:
            progress = json.loads(file.metadata()["progress"])
        if progress["recipe"] != json.loads(json.dumps(asdict(self.recipe))):
            raise InputError(f"{self.state_file} belongs to another version of this recipe; remove it to start again")
        tensors = load_file(self.state_file, device=str(self.device))
        with torch.no_grad():
            for prefix, model in (("model.", self.model), ("ema.", self.ema)):
                for name, p in model.named_parameters():
                    p.copy_(tensors[prefix + name])
        names = self.optimised_names()
        for optimiser in self.optimisers:
            adam = isinstance(optimiser, torch.optim.AdamW)
            moments = ("exp_avg", "exp_avg_sq") if adam else ("momentum_buffer",)
            for group in optimiser.param_groups:
                for p in group["params"]:
                    optimiser.state[p] = {moment: tensors[f"{moment}.{names[p]}"] for moment in moments}
                    if adam:  # stays on the CPU: on another device each step would wait for it
                        optimiser.state[p]["step"] = torch.tensor(float(progress["step"]))
        self.step, self.seconds = progress["step"], progress["seconds"]
        self.since_best, self.history = progress["since_best"], progress["history"]
        self.start = progress["start"]
        self.best = Likelihood(**progress["best"]) if progress["best"] else None

    def report(self, line: str, *, end: bool = False) -> None:
        if distributed.rank():
            return
        with suppress(OSError, ValueError):  # a full disk, a closed terminal: nobody reads it, and training goes on
            sys.stderr.write(f"\r{line:<100}" + ("\n" if end else ""))
            sys.stderr.flush()


@contextmanager
def interrupts_held() -> Iterator[Callable[[], None]]:
    """Inside, Ctrl-C waits until what is yielded is called, which then raises KeyboardInterrupt.

    Between two steps weights, moments, averages and the step count belong together; within one they do not, and a
    state saved then would go on wrongly. The compilers that torch starts are spared, too: one that is stopped leaves
    half a file in a cache, which every later run would stumble over. Outside the main thread, where Python raises
    nothing, this does nothing.
    """
    interrupted = False
    posix = hasattr(signal, "pthread_sigmask")

    def hold(*_: object) -> None:
        nonlocal interrupted
        interrupted = True

    def raise_if_interrupted() -> None:
        waiting = posix and signal.SIGINT in signal.sigpending()
        if waiting:
            signal.sigwait([signal.SIGINT])  # it is not delivered once more
        if waiting or interrupted:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield raise_if_interrupted
        return
    before = signal.signal(signal.SIGINT, hold)
    if posix:  # child processes inherit what is blocked, but not what handles it
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield raise_if_interrupted
    finally:
        if posix:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        signal.signal(signal.SIGINT, before)


def can_compile() -> bool:
    """torch.compile needs a C compiler, and brings Triton, for CUDA, to Linux alone."""
    return sys.platform == "linux" and any(shutil.which(name) for name in ("cc", "gcc", "clang"))
