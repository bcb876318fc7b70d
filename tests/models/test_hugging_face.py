"""Folders that Hugging Face's libraries saved: what they are here, and how broken ones are refused."""

from __future__ import annotations

import json
import math
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.numpy import save_file

import models.tokens
from models import hardware
from models.catalog import Catalog
from models.chain import ImageChain, Palette, alphabet_from_json, chain_from_json
from models.checkpoint import load_checkpoint, read_header, weights_hash
from models.conditional import LOG2
from models.errors import CheckpointError, FileError, InputError
from models.files import read_saved
from models.formats import format_named
from models.hugging_face import folder_of
from models.likelihood import surprises
from models.sampling import run
from models.shaping import NEUTRAL
from models.tokens import TokenChain, Tokens
from models.trace import new_take
from tests.hugging_face_folder import (
    COLOURS,
    POSITIONS,
    SIDE,
    TOKENS,
    VERSE,
    Weights,
    gpt2_config,
    image_gpt_config,
    save_gpt2,
    save_image_gpt,
    tokenizer,
    weights_of,
)

Numbers = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_gpt2(tmp_path_factory.mktemp("folders") / "kubla")


@pytest.fixture(scope="module")
def image_gpt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_image_gpt(tmp_path_factory.mktemp("folders") / "dots")


def tokens_of(path: Path) -> tuple[TokenChain, Tokens]:
    chain = read_header(path).chain
    assert isinstance(chain, TokenChain)
    return chain, chain.tokens


# The same numbers as by the papers' formulas


def reference_logits(weights: Weights, config: dict[str, Any], ids: list[int]) -> Numbers:
    """The logits after each of some tokens, (T, V), in float64 and plain numpy: one head, one position at a time.

    Of random models that transformers 5.23 saved it gave that library's logits within 1e-5.
    """
    image = config["model_type"] == "imagegpt"
    w = {name.removeprefix("transformer."): values.astype(np.float64) for name, values in weights.items()}

    def norm(x: Numbers, name: str) -> Numbers:
        if image:
            return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * w[f"{name}.weight"]
        x = x - x.mean(-1, keepdims=True)
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]

    def linear(x: Numbers, name: str) -> Numbers:
        return x @ w[f"{name}.weight"] + w[f"{name}.bias"]

    def curve(x: Numbers) -> Numbers:
        if image:
            return x / (1 + np.exp(-1.702 * x))
        return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

    x = w["wte.weight"][ids] + w["wpe.weight"][: len(ids)]
    width, heads = config["n_embd"], config["n_head"]
    size = width // heads
    for layer in range(config["n_layer"]):
        asked = linear(norm(x, f"h.{layer}.ln_1"), f"h.{layer}.attn.c_attn")
        heard = np.zeros_like(x)
        for head in range(heads):
            part = slice(head * size, (head + 1) * size)
            q, k, v = (asked[:, n * width : (n + 1) * width][:, part] for n in range(3))
            for t in range(len(ids)):
                scores = np.exp(q[t] @ k[: t + 1].T / math.sqrt(size))
                heard[t, part] = scores @ v[: t + 1] / scores.sum()
        x = x + linear(heard, f"h.{layer}.attn.c_proj")
        x = x + linear(curve(linear(norm(x, f"h.{layer}.ln_2"), f"h.{layer}.mlp.c_fc")), f"h.{layer}.mlp.c_proj")
    return norm(x, "ln_f") @ w.get("lm_head.weight", w["wte.weight"]).T


def log_softmax(logits: Numbers) -> Numbers:
    shifted: Numbers = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def test_a_gpt2_has_the_conditionals_of_the_paper_s_formulas(gpt2: Path) -> None:
    loaded = load_checkpoint(gpt2)
    ids = np.random.default_rng(1).integers(1, TOKENS, POSITIONS)
    wanted = log_softmax(reference_logits(weights_of(gpt2_config()), gpt2_config(), [0, *ids[:-1].tolist()]))
    rows = torch.from_numpy(ids - 1)[None]  # token 0 ends a text: it is the last symbol
    found = loaded.model.conditionals(rows, loaded.model.condition_tensor({})).dense()[0].numpy()
    assert np.allclose(found, np.roll(wanted, -1, axis=1), atol=1e-4)


def test_an_image_gpt_has_the_conditionals_of_the_paper_s_formulas(image_gpt: Path) -> None:
    loaded = load_checkpoint(image_gpt)
    ids = np.random.default_rng(1).integers(0, COLOURS, SIDE**2)
    wanted = reference_logits(weights_of(image_gpt_config()), image_gpt_config(), [COLOURS, *ids[:-1].tolist()])
    rows = torch.from_numpy(ids)[None]
    found = loaded.model.conditionals(rows, loaded.model.condition_tensor({})).dense()[0].numpy()
    assert np.allclose(found, log_softmax(wanted), atol=1e-4)


# What it is here


def test_a_folder_is_a_model_with_the_name_of_the_folder(gpt2: Path) -> None:
    header = read_header(gpt2)
    assert (header.name, header.title, header.architecture) == ("kubla", "GPT-2 · kubla", "gpt2")
    assert header.parameters == sum(values.size for values in weights_of(gpt2_config()).values())
    assert header.chain.describe() == f"text, {TOKENS - 1} tokens, stop"
    assert header.chain.limit == POSITIONS
    assert header.chain.to_json() == chain_from_json(header.chain.to_json()).to_json()


def test_a_snapshot_in_a_cache_has_the_name_of_the_model_that_it_is_of(gpt2: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(gpt2, tmp_path / "models--openai-community--gpt2" / "snapshots" / "607a30d")
    header = read_header(folder)
    assert (header.name, header.title) == ("openai-community-gpt2", "GPT-2 · openai-community/gpt2")


def test_reading_what_it_is_takes_neither_torch_nor_the_library_of_tokenizers(gpt2: Path) -> None:
    script = (
        f"import sys; from pathlib import Path; from models.checkpoint import read_header; "
        f"read_header(Path({str(gpt2)!r})); print([name for name in ('torch', 'tokenizers') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_without_the_library_of_tokenizers_a_text_cannot_be_cut(gpt2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain, _ = tokens_of(gpt2)
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    models.tokens._tokenizer.cache_clear()
    with pytest.raises(InputError, match=r"the library tokenizers: pip install 'sampling-studio\[hf\]'"):
        chain.symbols("Xanadu")


@pytest.mark.parametrize("text", [VERSE, "a", " leading, trailing ", "naïve “quotes” 日本 🙂", "\t\n\n"])
def test_a_text_is_cut_and_joined_again(gpt2: Path, text: str) -> None:
    chain, tokens = tokens_of(gpt2)
    symbols = chain.symbols(text)
    assert symbols[-1] == tokens.stop_symbol
    assert chain.text(symbols) == text
    assert "".join(chain.parts(symbols)) == text
    assert (symbols[:-1] + 1).tolist() == tokenizer().encode(text).ids


def test_what_is_a_part_of_a_character_adds_nothing_until_it_is_whole(gpt2: Path) -> None:
    chain, tokens = tokens_of(gpt2)
    symbols = chain.symbols("ж!", closed=False)
    assert chain.parts(symbols) == ["", "ж", "!"]
    assert tokens.label(int(symbols[0])) == "⟨D0⟩"
    read = chain.reader()
    assert [read(symbols[n : n + 1]) for n in range(3)] == [[""], ["ж"], ["!"]]
    assert chain.text(symbols[:1]) == ""
    assert chain.text([symbols[0], symbols[2]]) == "�!"


def test_tokens_are_named_so_that_they_can_be_told_apart(gpt2: Path) -> None:
    chain, tokens = tokens_of(gpt2)
    names = [tokens.label(int(symbol)) for symbol in chain.symbols("In Xanadu\n", closed=False)]
    assert "".join(names).replace("line break", "\n").replace("␣", " ").replace("space", " ") == "In Xanadu\n"
    assert tokens.label(tokens.levels - 1) == f"unused ({tokens.levels - 1})"


def test_a_text_that_ends_itself_is_refused(gpt2: Path) -> None:
    with pytest.raises(InputError, match="the token in it that ends a text"):
        tokens_of(gpt2)[0].symbols("a<|endoftext|>b")


def test_tokens_go_into_files_without_their_tokenizer_and_are_read_again(gpt2: Path) -> None:
    chain, tokens = tokens_of(gpt2)
    kept = chain_from_json(json.loads(json.dumps(chain.to_json())))
    assert kept == chain
    assert isinstance(kept, TokenChain)
    assert kept.text(chain.symbols(VERSE)) == VERSE
    with pytest.raises(InputError, match="open the model's folder"):
        kept.symbols(VERSE)
    assert tokens.encode(tokens.decode(np.arange(5))).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("packed", ["", "a", "####", "eJwDAAAAAAE=", 5])
def test_tokens_that_nobody_packed_are_refused(packed: object) -> None:
    with pytest.raises(InputError):
        alphabet_from_json({"kind": "tokens", "levels": 4, "stop": False, "packed": packed})


def test_a_walk_goes_to_the_last_position_and_scores_as_it_went(gpt2: Path) -> None:
    loaded = load_checkpoint(gpt2)
    chain = loaded.header.chain
    take = new_take(loaded.reference, seed=3, count=2, condition={}, shaping=NEUTRAL, engine="cached", limit=POSITIONS)
    for trace in run(loaded.model, take).traces:
        assert trace.finished
        assert len(trace) == POSITIONS or trace.symbols[-1] == chain.alphabet.stop_symbol
        assert trace.bits == pytest.approx(float(surprises(loaded.model, trace.symbols, {}).sum()), rel=1e-4)


def test_what_it_drew_is_saved_and_read_again_without_the_model(gpt2: Path) -> None:
    loaded = load_checkpoint(gpt2)
    take = new_take(loaded.reference, seed=3, count=1, condition={}, shaping=NEUTRAL, engine="cached", limit=20)
    run(loaded.model, take)
    page = format_named(Path("text.html"), take.chain)
    kept = read_saved(page.content(take), "text.html").take
    assert kept.model == take.model
    assert np.array_equal(kept.traces[0].symbols, take.traces[0].symbols)
    assert kept.model.weights == weights_hash(gpt2)


def test_without_a_token_that_begins_a_text_the_first_symbol_is_uniform(tmp_path: Path) -> None:
    loaded = load_checkpoint(save_gpt2(tmp_path, gpt2_config(bos_token_id=None, eos_token_id=50256)))
    assert loaded.header.chain.alphabet.stop is False
    bits = surprises(loaded.model, np.array([5, 7], np.int32), {})
    assert bits[0] == pytest.approx(math.log(TOKENS) / LOG2)


def test_an_image_has_the_colours_of_the_clusters(image_gpt: Path) -> None:
    header = read_header(image_gpt)
    chain = header.chain
    assert isinstance(chain, ImageChain)
    assert chain.describe() == f"{SIDE} x {SIDE}, {COLOURS} colours"
    clusters = json.loads((image_gpt / "preprocessor_config.json").read_text())["clusters"]
    symbols = np.arange(SIDE**2) % COLOURS
    pixels = chain.image(symbols).reshape(-1, 3)
    assert pixels.tolist() == np.rint(127.5 * (np.array(clusters)[symbols] + 1)).astype(int).tolist()
    assert chain.symbols(chain.image(symbols)).tolist() == symbols.tolist()


def test_a_colour_is_nearest_to_the_one_with_the_least_distance() -> None:
    palette = Palette(3, False, ((0, 0, 0), (255, 0, 0), (250, 250, 250)))
    wanted = np.array([[[10, 20, 5], [200, 30, 30]], [[130, 140, 120], [255, 255, 255]]], np.uint8)
    assert palette.encode(wanted).tolist() == [[0, 1], [2, 2]]
    assert palette.label(1) == "#ff0000 (1)"


def test_a_picture_is_saved_and_read_again(image_gpt: Path) -> None:
    loaded = load_checkpoint(image_gpt)
    take = new_take(loaded.reference, seed=3, count=2, condition={}, shaping=NEUTRAL, engine="cached", limit=SIDE**2)
    run(loaded.model, take)
    for suffix in (".png", ".gif", ".npz"):
        form = format_named(Path(f"image{suffix}"), take.chain)
        kept = read_saved(form.content(take), f"image{suffix}").take
        assert np.array_equal(kept.traces[1].symbols, take.traces[1].symbols)


def test_weights_in_several_files_without_a_prefix_and_with_buffers_are_the_same_model(
    gpt2: Path, tmp_path: Path
) -> None:
    """As the first GPT-2 lies on the hub, whose files keep the mask of the attention, too."""
    several = shutil.copytree(gpt2, tmp_path / "several")
    (several / "model.safetensors").unlink()
    saved = weights_of(gpt2_config(), prefix="")
    names = sorted(saved)
    parts = {"model-1.safetensors": names[::2], "model-2.safetensors": names[1::2]}
    for file, held in parts.items():
        buffer: Any = {f"h.{file[6]}.attn.bias": np.ones((1, 1, 4, 4), np.bool_)}
        save_file({name: saved[name] for name in held} | buffer, several / file)
    index = {"weight_map": {name: file for file, held in parts.items() for name in held}}
    (several / "model.safetensors.index.json").write_text(json.dumps(index))
    assert weights_hash(several) == weights_hash(gpt2)
    a, b = load_checkpoint(several).model.state_dict(), load_checkpoint(gpt2).model.state_dict()
    assert all(torch.equal(a[name], b[name]) for name in b)


def into_two_files(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    tokenizer().model.save(str(folder))


def test_gpt2_s_own_two_files_are_a_tokenizer_as_well(gpt2: Path, tmp_path: Path) -> None:
    older = shutil.copytree(gpt2, tmp_path / "older")
    into_two_files(older)
    assert tokens_of(older)[0] == tokens_of(gpt2)[0]
    assert np.array_equal(tokens_of(older)[0].symbols(VERSE), tokens_of(gpt2)[0].symbols(VERSE))


def test_a_model_of_characters_says_which_it_lacks(gpt2: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(gpt2, tmp_path / "letters")
    letters = {letter: number for number, letter in enumerate("abc ")}
    split = {"type": "Split", "pattern": {"String": ""}, "behavior": "Isolated", "invert": False}
    content = {"version": "1.0", "pre_tokenizer": split, "model": {"type": "BPE", "vocab": letters, "merges": []}}
    (folder / "tokenizer.json").write_text(json.dumps(content))
    (folder / "config.json").write_text(json.dumps(gpt2_config(bos_token_id=None, eos_token_id=None)))
    chain, _ = tokens_of(folder)
    assert chain.text(chain.symbols("a cab")) == "a cab"
    with pytest.raises(InputError, match="the model has no tokens for d, z"):
        chain.symbols("a dz")


def test_a_catalog_lists_a_folder_and_finds_what_it_drew_by_its_weights(gpt2: Path, tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "shipped", tmp_path / "user")
    (tmp_path / "user").mkdir()
    entry = catalog.add(gpt2 / "config.json")
    assert entry.path == gpt2 == folder_of(gpt2 / "model.safetensors")
    assert [listed.path for listed in catalog.entries()] == [gpt2]
    assert catalog.find(str(gpt2)).header == entry.header
    found = catalog.match(load_checkpoint(gpt2).reference)
    assert found is not None
    assert found.path == gpt2


# What is refused


def refused(folder: Path) -> str:
    """The one line with which a folder is refused, both where it is listed and where it is loaded."""
    with pytest.raises((CheckpointError, FileError)) as listed:
        read_header(folder)
    with pytest.raises((CheckpointError, FileError)):
        load_checkpoint(folder)
    says = str(listed.value)
    assert str(folder) in says
    assert "\n" not in says
    assert len(says) < 700
    return says


def rewrite(name: str, **changed: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        held = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**held, **changed}))

    return change


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def content(name: str, data: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(data) and None


def cut_short(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:-100])


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def weights(change: Callable[[Weights], object]) -> Callable[[Path], None]:
    def save(folder: Path) -> None:
        held = weights_of(gpt2_config())
        change(held)
        save_file(held, folder / "model.safetensors")

    return save


CONFIG = "config.json"
AS_BYTES: Any = {"transformer.wpe.weight": np.ones((POSITIONS, 24), np.int8)}


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (without(CONFIG), "it is a folder without config.json"),
        (content(CONFIG, b"{"), "not the expected JSON"),
        (content(CONFIG, b" " * (2**20 + 1)), "has at most 1048576"),
        (rewrite(CONFIG, model_type="llama", architectures=["LlamaForCausalLM"]), r"'llama' \(LlamaForCausalLM\)"),
        (rewrite(CONFIG, architectures=["GPT2ForSequenceClassification"]), "GPT2ForSequenceClassification"),
        (rewrite(CONFIG, auto_map={"AutoModel": "code.Model"}), "code of its own"),
        (rewrite(CONFIG, quantization_config={"quant_method": "gptq"}), "quantised .*'gptq'"),
        (rewrite(CONFIG, add_cross_attention=True), "an encoder"),
        (rewrite(CONFIG, n_embd="wide"), "n_embd is a whole number"),
        (rewrite(CONFIG, n_layer=10**9), "n_layer is a whole number in 1 … 200, not 1000000000"),
        (rewrite(CONFIG, n_inner=0), "n_inner is a whole number"),
        (rewrite(CONFIG, n_embd=48), r"wte.weight' has shape \(300, 24\); its configuration asks for \(300, 48\)"),
        (rewrite(CONFIG, n_layer=3), "is missing, which its configuration asks for"),
        (rewrite(CONFIG, n_layer=1), "belongs to nothing"),
        (rewrite(CONFIG, vocab_size=200), "tokens, and the embedding of the model only 200"),
        (rewrite(CONFIG, vocab_size=100_000), "vocab_size is a whole number in 1 … 65537, not 100000"),
        (without("model.safetensors"), "it has no weights, neither model.safetensors nor"),
        (pickled, "pytorch_model.bin, a pickle, which would execute"),
        (cut_short, "truncated"),
        (content("model.safetensors", b""), "is empty"),
        (weights(lambda held: held.pop("transformer.ln_f.bias")), "tensor 'ln_f.bias' is missing"),
        (weights(lambda held: held.update(extra=held["transformer.ln_f.bias"])), "tensor 'extra' belongs to nothing"),
        (weights(lambda held: held.update(AS_BYTES)), "dtype I8, as quantised weights have"),
        (without("tokenizer.json"), "it has no tokenizer, neither tokenizer.json nor vocab.json with merges.txt"),
        (content("tokenizer.json", b"[]"), "must be a JSON object"),
        (rewrite("tokenizer.json", model={}), "it has no vocabulary"),
        (rewrite("tokenizer.json", decoder={"type": "Metaspace"}), "become a text by 'Metaspace'"),
        (content("tokenizer_config.json", b'{"auto_map": {}}'), "code of its own"),
    ],
)
def test_a_broken_folder_is_refused_in_one_line(
    gpt2: Path, tmp_path: Path, spoil: Callable[[Path], None], says: str
) -> None:
    folder = shutil.copytree(gpt2, tmp_path / "broken")
    spoil(folder)
    with pytest.raises((CheckpointError, FileError), match=says):
        read_header(folder)
    refused(folder)


OTHER_VALUES: tuple[Any, ...] = ([], {}, 5, -1, None, True, "x", [[[], 0]], [{}], {"a": []})


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("gpt2", CONFIG), ("gpt2", "tokenizer.json"), ("gpt2", "vocab.json"),
        ("image_gpt", CONFIG), ("image_gpt", "preprocessor_config.json"),
    ],
)  # fmt: skip
def test_a_value_of_another_kind_is_refused_or_does_no_harm(
    kind: str, name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder: Path = shutil.copytree(request.getfixturevalue(kind), tmp_path / "broken")
    if name == "vocab.json":
        into_two_files(folder)
    held = json.loads((folder / name).read_text())
    inner = {key: value for key, value in held.items() if isinstance(value, dict)}
    changes = [{key: other} for key in held for other in OTHER_VALUES]
    changes += [{key: {**inner[key], part: other}} for key in inner for part in inner[key] for other in OTHER_VALUES]
    for change in random.Random(0).sample(changes, min(150, len(changes))):
        (folder / name).write_text(json.dumps({**held, **change}))
        with suppress(CheckpointError, FileError):
            chain = load_checkpoint(folder).header.chain
            if isinstance(chain, TokenChain):
                with suppress(InputError):
                    chain.symbols("a")


def test_what_the_library_of_tokenizers_panics_at_is_refused(gpt2: Path, tmp_path: Path) -> None:
    """A panic is no exception that a thread survives."""
    folder = shutil.copytree(gpt2, tmp_path / "panics")
    held = {"type": "Precompiled", "precompiled_charsmap": "A" * 16}
    rewrite("tokenizer.json", normalizer=held)(folder)
    chain, _ = tokens_of(folder)
    with pytest.raises(InputError, match="the tokenizer cannot cut this text"):
        chain.symbols("a")


def test_what_a_tokenizer_cannot_cut_is_refused(gpt2: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(gpt2, tmp_path / "words")
    words = {"type": "WordLevel", "vocab": {"a": 0, "b": 1}, "unk_token": "[UNK]"}
    rewrite("tokenizer.json", model=words, added_tokens=[], pre_tokenizer=None, decoder=None)(folder)
    chain, _ = tokens_of(folder)
    with pytest.raises(InputError, match="the tokenizer cannot cut this text"):
        chain.symbols("zz")
    with pytest.raises(InputError, match="halves of characters"):
        chain.symbols("a\udcff")


@pytest.mark.parametrize("name", ["../model.safetensors", "/etc/model.safetensors", "a/b.safetensors", "model.bin"])
def test_an_index_names_files_in_the_folder_alone(gpt2: Path, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(gpt2, tmp_path / "several")
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"wte.weight": name}}))
    assert "weight_map must name" in refused(folder)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (without("preprocessor_config.json"), "it has no preprocessor_config.json"),
        (rewrite("preprocessor_config.json", clusters=None), "its clusters must be the colours"),
        (rewrite("preprocessor_config.json", clusters=[[0, 0, 0]]), "it has 1 clusters; .* asks for 16"),
        (rewrite("preprocessor_config.json", size=7), "7 x 7 pixels do not have the 25"),
    ],
)
def test_a_broken_folder_of_images_is_refused_in_one_line(
    image_gpt: Path, tmp_path: Path, spoil: Callable[[Path], None], says: str
) -> None:
    folder = shutil.copytree(image_gpt, tmp_path / "broken")
    spoil(folder)
    with pytest.raises((CheckpointError, FileError), match=says):
        read_header(folder)
    refused(folder)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (rewrite(CONFIG, n_head=5), "multiple of its 5 heads"),
        (rewrite(CONFIG, activation_function="mish"), "activation of a GPT-2 is one of gelu"),
        (rewrite(CONFIG, layer_norm_epsilon="small"), "epsilon of a GPT-2"),
    ],
)
def test_what_only_the_network_knows_is_refused_when_it_is_loaded(
    gpt2: Path, tmp_path: Path, spoil: Callable[[Path], None], says: str
) -> None:
    folder = shutil.copytree(gpt2, tmp_path / "broken")
    spoil(folder)
    with pytest.raises(CheckpointError, match=says):
        load_checkpoint(folder)


def test_weights_that_are_no_numbers_are_refused_when_they_are_loaded(gpt2: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(gpt2, tmp_path / "broken")
    weights(lambda held: held["transformer.ln_f.bias"].fill(np.nan))(folder)
    with pytest.raises(CheckpointError, match=r"'ln_f\.bias' holds NaN"):
        load_checkpoint(folder)


def test_a_folder_is_read_no_further_when_nobody_waits_for_it(gpt2: Path) -> None:
    checks = 0

    def check() -> None:
        nonlocal checks
        checks += 1
        if checks == 3:
            raise KeyboardInterrupt

    for read in (weights_hash, partial(load_checkpoint, device="cpu")):
        checks = 0
        with pytest.raises(KeyboardInterrupt):
            read(gpt2, check=check)


def test_weights_that_do_not_fit_are_refused_before_anything_is_allocated(
    gpt2: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (hardware.memory() or 2**40) > 2**20
    monkeypatch.setattr(hardware, "memory", lambda: 1000)
    with pytest.raises(CheckpointError, match=r"its weights take 0\.0 GB of memory \(float32\); 0\.0 GB are left"):
        load_checkpoint(gpt2)
    monkeypatch.setattr(hardware, "memory", lambda: None)
    load_checkpoint(gpt2)
