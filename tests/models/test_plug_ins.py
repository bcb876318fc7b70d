"""Plug-ins: another package brings a model with a chain, an alphabet and a condition of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

from models.catalog import Catalog
from models.chain import chain_from_json
from models.checkpoint import load_checkpoint, read_header, save_checkpoint
from models.condition import factors_from_json
from models.errors import CheckpointError, InputError
from models.files import read_saved, save_take
from models.model import ModelSpec
from models.networks import network_class
from models.sampling import run
from models.shaping import NEUTRAL
from models.trace import Take, new_take

ENTRY_POINTS = """
[sampling_studio.models]
pitches = plugged_model:Pitches
[sampling_studio.chains]
melody = plugged_kinds:Melody
[sampling_studio.alphabets]
semitones = plugged_kinds:Semitones
[sampling_studio.factors]
tempo = plugged_kinds:Tempo
"""

KINDS = '''
from dataclasses import dataclass

import numpy as np

from models.chain import Alphabet, Chain
from models.condition import Factor
from models.errors import InputError


@dataclass(frozen=True)
class Semitones(Alphabet):
    """Frequencies in Hz, upwards from a lowest one."""

    lowest: float = 55.0
    kind = "semitones"
    quantity = "frequencies"

    def decode(self, symbols):
        return self.lowest * 2 ** (self._checked(symbols) / 12)

    def encode(self, values):
        return np.rint(12 * np.log2(np.asarray(values) / self.lowest)).astype(np.int32)

    def describe(self):
        return f"{self.levels} semitones"


@dataclass(frozen=True)
class Melody(Chain):
    bars: int
    modality, stride_name, step_noun = "melody", "bar", "note"
    stride = 4

    @property
    def length(self):
        return 4 * self.bars

    limit = default_limit = length

    def locate(self, step):
        return f"bar {step // 4}, beat {step % 4}"

    def describe(self):
        return f"{self.bars} bars, {self.alphabet.describe()}"


@dataclass(frozen=True)
class Tempo(Factor):
    """Beats a minute."""

    slowest: int
    kind = "tempo"
    default = 120
    numbers = 1

    def encode(self, value):
        return [float(value)]

    def check(self, value):
        if type(value) is not int or value < self.slowest:
            raise InputError(f"{self.name} is a whole number from {self.slowest}, not {value!r}")

    def parse(self, text):
        self.check(int(text))
        return int(text)

    def format(self, value):
        return str(value)

    def describe(self):
        return f"from {self.slowest}"

    def to_json(self):
        return {"kind": self.kind, "name": self.name, "slowest": self.slowest}

    @classmethod
    def from_json(cls, config):
        return cls(config["name"], config["slowest"])
'''

MODEL = """
import torch
from torch import nn

from models.conditional import Categorical
from models.model import AutoregressiveModel


class Pitches(AutoregressiveModel):
    architecture, family, title = "pitches", "table", "Pitches"

    def __init__(self, spec):
        super().__init__(spec)
        self.logits = nn.Parameter(torch.linspace(0, 2, spec.chain.alphabet.size))

    def conditionals(self, symbols, condition):
        return Categorical((condition[:, None] / 120 * self.logits).expand(*symbols.shape, -1))
"""

CHAIN = {
    "modality": "melody",
    "alphabet": {"kind": "semitones", "levels": 24, "stop": False, "lowest": 110.0},
    "bars": 2,
}
TEMPO = {"kind": "tempo", "name": "tempo", "slowest": 40}

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs the package, or one whose ``kinds`` or ``entry_points`` are others; returns where."""

    def put(kinds: str = KINDS, entry_points: str = ENTRY_POINTS) -> Path:
        site = tmp_path / "site"
        information = site / "plugged-1.0.dist-info"
        information.mkdir(parents=True)
        (information / "METADATA").write_text("Name: plugged\nVersion: 1.0\n")
        (information / "entry_points.txt").write_text(entry_points)
        (site / "plugged_kinds.py").write_text(kinds)
        (site / "plugged_model.py").write_text(MODEL)
        monkeypatch.syspath_prepend(site)
        return site

    yield put
    for name in ("plugged_kinds", "plugged_model"):
        sys.modules.pop(name, None)


def write(path: Path) -> Path:
    spec = ModelSpec("pitches", chain_from_json(CHAIN), factors_from_json([TEMPO]), {})
    model = network_class("pitches")(spec)
    save_checkpoint(path, model, name="tunes", title="Tunes", data={}, training={}, likelihood={})
    return path


def drawn(path: Path) -> Take:
    loaded = load_checkpoint(path)
    condition = {"tempo": 90}
    take = new_take(loaded.reference, seed=1, count=1, condition=condition, shaping=NEUTRAL, engine="reference")
    return run(loaded.model, take)


def test_a_model_with_a_chain_an_alphabet_and_a_condition_of_a_plug_in_is_listed_loaded_and_walked(
    tmp_path: Path, install: Install
) -> None:
    install()
    path = write(tmp_path / "tunes.safetensors")
    header = Catalog(tmp_path / "none").find(str(path)).header
    assert header.chain.describe() == "2 bars, 24 semitones"
    assert header.chain.to_json() == CHAIN
    assert [factor.to_json() for factor in header.factors] == [TEMPO]
    take = drawn(path)
    assert len(take.traces[0].symbols) == 8
    save_take(tmp_path / "take.npz", take)
    again = read_saved(tmp_path / "take.npz").take
    assert again.model == take.model
    assert again.traces[0].segment.condition == {"tempo": 90}


@pytest.mark.parametrize("installed_before", [True, False])
def test_a_list_of_models_imports_the_kinds_of_plug_ins_when_a_file_names_them_and_no_torch(
    tmp_path: Path, install: Install, installed_before: bool
) -> None:
    site = install()
    catalog = tmp_path / "assets"
    (catalog / "checkpoints").mkdir(parents=True)
    if installed_before:
        write(catalog / "checkpoints" / "tunes.safetensors")
    program = (
        "import sys; from pathlib import Path; from models.catalog import Catalog;"
        f"sys.path.insert(0, {str(site)!r});"
        f"names = [e.header.name for c in (Catalog(), Catalog(Path({str(catalog)!r}))) for e in c.entries()];"
        "print('tunes' in names, *({'plugged_kinds', 'plugged_model', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.split() == (["True", "plugged_kinds"] if installed_before else ["False"])


def test_without_its_plug_in_a_file_is_refused_by_what_it_names(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown modality 'melody'; known: image, sound"):
        chain_from_json(CHAIN)
    alphabet_alone = {**CHAIN, "modality": "image", "height": 2, "width": 2}
    with pytest.raises(InputError, match="unknown kind of alphabet 'semitones'; known: grey, palette, mu_law"):
        chain_from_json(alphabet_alone)
    with pytest.raises(InputError, match="unknown kind of condition 'tempo'; known: category"):
        factors_from_json([TEMPO])
    with pytest.raises(InputError, match="unknown architecture 'pitches'; known: gated_pixelcnn, wavenet"):
        network_class("pitches")


def test_a_model_that_nobody_could_read_again_is_not_written(tmp_path: Path, install: Install) -> None:
    install(entry_points=ENTRY_POINTS.replace("pitches =", "tunes ="))
    pitches = import_module("plugged_model").Pitches
    spec = ModelSpec("pitches", chain_from_json(CHAIN), factors_from_json([TEMPO]), {})
    path = tmp_path / "tunes.safetensors"
    with pytest.raises(CheckpointError, match=r"unknown architecture 'pitches'; known: .*wavenet, .*tunes"):
        save_checkpoint(path, pitches(spec), name="tunes", title="Tunes", data={}, training={}, likelihood={})
    assert not path.exists()


def test_what_plug_ins_offer_is_among_what_is_known(install: Install) -> None:
    install()
    with pytest.raises(InputError, match="unknown modality 'smell'; known: image, sound, text, tokens, video, melody"):
        chain_from_json({**CHAIN, "modality": "smell"})


BROKEN = {
    "import": ("import a_package_that_is_not_there", "cannot be imported: ModuleNotFoundError: .*that_is_not_there"),
    "no such class": ("", "cannot be imported: AttributeError: .*Melody"),
    "no class": ("Melody = print", "must be a subclass of models.chain.Chain"),
    "other class": ("class Melody: pass", "must be a subclass of models.chain.Chain"),
}


@pytest.mark.parametrize(("kinds", "says"), BROKEN.values(), ids=BROKEN)
def test_a_plug_in_that_cannot_be_had_is_named_with_what_it_was_wanted_for(
    install: Install, kinds: str, says: str
) -> None:
    install(kinds)
    with pytest.raises(InputError, match=f"the plug-in 'plugged_kinds:Melody' for the modality 'melody' {says}"):
        chain_from_json(CHAIN)


def test_a_model_that_is_no_model_is_named(install: Install) -> None:
    install(entry_points="[sampling_studio.models]\npitches = plugged_kinds:Tempo\n")
    with pytest.raises(InputError, match=r"'plugged_kinds:Tempo' .* subclass of models\.model\.AutoregressiveModel"):
        network_class("pitches")


@pytest.mark.parametrize(
    ("group", "entry", "attribute"),
    [
        ("chains", "tune = plugged_kinds:Melody", "modality 'tune', not 'melody'"),
        ("alphabets", "notes = plugged_kinds:Semitones", "kind 'notes', not 'semitones'"),
        ("factors", "speed = plugged_kinds:Tempo", "kind 'speed', not 'tempo'"),
        ("models", "tunes = plugged_model:Pitches", "architecture 'tunes', not 'pitches'"),
    ],
)
def test_a_class_is_offered_under_the_name_that_it_writes_into_files_or_nobody_could_read_them(
    install: Install, group: str, entry: str, attribute: str
) -> None:
    install(entry_points=f"{ENTRY_POINTS}\n[sampling_studio.{group}]\n{entry}\n")
    name, _, value = entry.partition(" = ")
    alphabet = {**CHAIN["alphabet"], "kind": name}  # type: ignore[dict-item]
    read: dict[str, Callable[[], object]] = {
        "chains": lambda: chain_from_json({**CHAIN, "modality": name}),
        "alphabets": lambda: chain_from_json({**CHAIN, "alphabet": alphabet}),
        "factors": lambda: factors_from_json([{**TEMPO, "kind": name}]),
        "models": lambda: network_class(name),
    }
    with pytest.raises(InputError, match=f"the plug-in '{value}' .* must have the {attribute}"):
        read[group]()


@pytest.mark.parametrize(
    ("sound", "broken", "says"),
    [
        ('return cls(config["name"], config["slowest"])', "return 1 / 0", "division by zero"),
        ("bars: int", "beats: int", "unexpected keyword argument 'bars'"),
        ("lowest: float = 55.0", "lowest: float = undefined", "name 'undefined' is not defined"),
    ],
)
def test_a_broken_plug_in_is_a_problem_of_its_checkpoint_alone(
    tmp_path: Path, install: Install, sound: str, broken: str, says: str
) -> None:
    site = install()
    folder = tmp_path / "assets" / "checkpoints"
    folder.mkdir(parents=True)
    path = write(folder / "tunes.safetensors")
    (site / "plugged_kinds.py").write_text(KINDS.replace(sound, broken))
    del sys.modules["plugged_kinds"]
    with pytest.raises(CheckpointError, match=rf"tunes\.safetensors.*{says}"):
        read_header(path)
    catalog = Catalog(tmp_path / "assets")
    assert catalog.entries() == []
    ((listed, problem),) = catalog.problems
    assert listed == path
    assert says in problem
