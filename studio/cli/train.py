"""``train``: a recipe becomes a checkpoint."""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path

from models.engines import AUTO
from models.errors import FileError, InputError
from studio.cli.shared import INTERRUPTED, PROGRAM, ArgumentsError, cuda_or_cpu, say, typed_by_user, unit, write_line


def train(arguments: argparse.Namespace) -> int:
    with typed_by_user():
        recipe_path = find_recipe(arguments.recipe)
        if arguments.out.suffix != ".safetensors":
            raise InputError(f"OUT is a .safetensors file, not {arguments.out}")
    folder = arguments.out.absolute().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise FileError(f"cannot write {arguments.out}: {folder} is not a folder that can be written")
    state = arguments.out.with_suffix(".state")
    if state.exists() and not arguments.resume:
        raise FileError(f"{state} is there from an earlier run: --resume goes on from it; remove it to start again")

    from models import distributed

    device = cuda_or_cpu() if arguments.device == AUTO else arguments.device
    if device == "cuda" and cuda_or_cpu() == "cpu":
        raise ArgumentsError("there is no CUDA device that torch can use; use --device cpu")
    with distributed.joined(device):
        return train_on(device, recipe_path, arguments)


def train_on(device: str, recipe_path: Path, arguments: argparse.Namespace) -> int:
    from models import distributed
    from models.training.loop import Trainer, read_recipe

    # The command as others would type it: where this user keeps things stays out of the checkpoint.
    processes = distributed.world_size()
    program = [PROGRAM] if processes == 1 else ["torchrun", f"--nproc-per-node={processes}", "-m", "studio"]
    command = shlex.join(
        [*program, "train", recipe_path.stem, "--data", "DATA", "-o", arguments.out.name, "--device", device]
    )
    trainer = Trainer(read_recipe(recipe_path), arguments.data, arguments.out, device=device, command=command)
    if arguments.resume:
        trainer.resume()
    try:
        best = trainer.run()
    except KeyboardInterrupt:
        if trainer.step:
            trainer.save_state()
        if distributed.rank() == 0:
            where = f"at step {trainer.step}; --resume goes on from there" if trainer.step else "before the first step"
            say(f"\ninterrupted {where}")
        return INTERRUPTED
    if distributed.rank() == 0:
        write_line(f"{arguments.out}: {best.bits_per_dim:.4f} {unit(trainer.model.chain)} (valid)")
    return 0


def find_recipe(name_or_path: str) -> Path:
    """A recipe file, or an included recipe by its name, with - or _."""
    import models.training.recipes

    path = Path(name_or_path)
    if path.suffix == ".toml":
        return path
    included = sorted(Path(models.training.recipes.__path__[0]).glob("*.toml"))
    for recipe in included:
        if recipe.stem == name_or_path.replace("-", "_"):
            return recipe
    names = ", ".join(recipe.stem for recipe in included)
    raise InputError(f"no recipe {name_or_path!r}; the recipes are {names}; or give the path of a .toml file")
