"""Folders as Hugging Face's libraries save them, with random weights: a GPT-2 on a small text, and an ImageGPT."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

END = "<|endoftext|>"
VERSE = "In Xanadu did Kubla Khan\nA stately pleasure-dome decree:\nWhere Alph, the sacred river, ran\n"
TOKENS = 300
POSITIONS = 48
COLOURS, SIDE = 16, 5

Weights = dict[str, npt.NDArray[np.float32]]


def tokenizer(end: bool = True) -> Tokenizer:
    """Of bytes, as GPT-2's, whose token 0 ends a text."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=TOKENS - 4,  # the embedding has a few rows more, as some do to be of a round size
        special_tokens=[END] if end else [],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator([VERSE], trainer)
    return made


def gpt2_config(**changed: Any) -> dict[str, Any]:
    return {
        "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "vocab_size": TOKENS, "n_positions": POSITIONS,
        "n_embd": 24, "n_layer": 2, "n_head": 3, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5,
        "bos_token_id": 0, "eos_token_id": 0, **changed,
    }  # fmt: skip


def image_gpt_config(**changed: Any) -> dict[str, Any]:
    return {
        "model_type": "imagegpt", "architectures": ["ImageGPTForCausalImageModeling"], "vocab_size": COLOURS + 1,
        "n_positions": SIDE**2, "n_embd": 24, "n_layer": 2, "n_head": 3, "activation_function": "quick_gelu",
        "layer_norm_epsilon": 1e-5, "tie_word_embeddings": False, **changed,
    }  # fmt: skip


def weights_of(config: dict[str, Any], prefix: str = "transformer.") -> Weights:
    """Large enough for a seed to show, with the names and layouts of the library that saves them."""
    rng, width, count = np.random.default_rng(3), config["n_embd"], config["vocab_size"]
    image = config["model_type"] == "imagegpt"

    def drawn(*shape: int) -> npt.NDArray[np.float32]:
        return rng.normal(0, 0.3, shape).astype(np.float32)

    found = {f"{prefix}wte.weight": drawn(count, width), f"{prefix}wpe.weight": drawn(config["n_positions"], width)}
    norms = [f"h.{layer}.ln_{n}" for layer in range(config["n_layer"]) for n in (1, 2)]
    for norm in [*norms, "ln_f"]:
        found[f"{prefix}{norm}.weight"] = 1 + drawn(width)
        if not image:
            found[f"{prefix}{norm}.bias"] = drawn(width)
    inner = config.get("n_inner") or 4 * width
    for layer in range(config["n_layer"]):
        for name, ins, outs in (
            ("attn.c_attn", width, 3 * width), ("attn.c_proj", width, width),
            ("mlp.c_fc", width, inner), ("mlp.c_proj", inner, width),
        ):  # fmt: skip
            found[f"{prefix}h.{layer}.{name}.weight"] = drawn(ins, outs)
            found[f"{prefix}h.{layer}.{name}.bias"] = drawn(outs)
    if not config.get("tie_word_embeddings", True):
        found["lm_head.weight"] = drawn(count - image, width)
    return found


def save_gpt2(folder: Path, config: dict[str, Any] | None = None, weights: Weights | None = None) -> Path:
    config = gpt2_config() if config is None else config
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    tokenizer().save(str(folder / "tokenizer.json"))
    save_file(weights_of(config) if weights is None else weights, folder / "model.safetensors")
    return folder


def save_image_gpt(folder: Path, config: dict[str, Any] | None = None) -> Path:
    config = image_gpt_config() if config is None else config
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    clusters = np.random.default_rng(2).uniform(-1, 1, (COLOURS, 3))
    about = {"clusters": clusters.tolist(), "size": {"height": SIDE, "width": SIDE}}
    (folder / "preprocessor_config.json").write_text(json.dumps(about))
    save_file(weights_of(config), folder / "model.safetensors")
    return folder
