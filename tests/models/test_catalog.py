"""The list of models: shipped ones and added ones, found by name, path or weights."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models.catalog import ADDED_FILE, FAMILIES, SHIPPED, Catalog, Entry, Family, family_of
from models.catalog import _order as in_order_of_history
from models.chain import Chain, GreyLevels, ImageChain, MuLaw, SoundChain
from models.checkpoint import load_checkpoint, save_checkpoint
from models.condition import Category
from models.errors import CheckpointError, FileError, InputError
from models.model import ModelSpec
from models.networks import BUILT_IN, network_class

IMAGE = ImageChain(GreyLevels(4), 5, 6)
SOUND = SoundChain(MuLaw(16, stop=True), 8000, 0.01, 0.1)


def write(path: Path, *, title: str = "", chain: Chain = IMAGE, seed: int = 0) -> Path:
    """A small model with random weights under the file's name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    architecture, config = (
        ("gated_pixelcnn", {"channels": 2, "head": 2, "first_rows": 1, "dilations": [1]})
        if isinstance(chain, ImageChain)
        else ("wavenet", {"residual": 2, "skip": 2, "head": 2, "dilations": [1]})
    )
    factors = (Category("digit", ("0", "1")),)
    save_checkpoint(
        path,
        network_class(architecture)(ModelSpec(architecture, chain, factors, config)),
        name=path.stem,
        title=title or path.stem,
        data={"title": "Noise <b>&amp;</b> [link](http://example.org)", "licence": "CC0"},
        training={"steps": 3, "seconds": 4},
        likelihood={"test": {"bits_per_dim": 1.5, "bits_per_dim_standard_error": 0.25}},
    )
    return path


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """Three shipped models, one of them with a card and a thumbnail."""
    folder = tmp_path / "assets"
    write(folder / "checkpoints" / "speech.safetensors", chain=SOUND, seed=1)
    write(folder / "checkpoints" / "zebra.safetensors", seed=2)
    write(folder / "checkpoints" / "digits.safetensors", seed=3)
    (folder / "cards").mkdir()
    (folder / "cards" / "digits.md").write_text("# Digits", encoding="utf-8")
    (folder / "cards" / "digits.png").write_bytes(b"")
    return folder


def names(catalog: Catalog) -> list[str]:
    return [entry.header.name for entry in catalog.entries()]


def test_models_are_listed_by_modality_family_and_title(shipped: Path) -> None:
    assert names(Catalog(shipped)) == ["digits", "zebra", "speech"]


def test_families_and_their_architectures_stand_in_the_order_of_their_history(shipped: Path) -> None:
    (digits, _, _) = Catalog(shipped).entries()

    def entry(architecture: str, family: str, title: str = "") -> Entry:
        return replace(digits, header=replace(digits.header, architecture=architecture, family=family, title=title))

    entries = [
        entry("tabular", "tabular"),
        entry("fvbn", "linear"),
        entry("nade", "neural", "Z"),
        entry("made", "neural", "A"),
        entry("pixelcnn", "masked convolution"),
        entry("gated_pixelcnn", "masked convolution", "A"),
        entry("gated_pixelcnn", "masked convolution", "B"),
        entry("of a plug-in", "masked convolution", "A"),
        entry("of a plug-in", "attention"),
        entry("of a plug-in", "a family of its own"),
    ]
    entries.reverse()
    assert sorted(entries, key=in_order_of_history) == entries[::-1]


def test_a_checkpoint_that_is_older_than_the_table_of_families_stands_where_the_table_says(shipped: Path) -> None:
    (digits, _, _) = Catalog(shipped).entries()
    assert family_of(replace(digits.header, architecture="fvbn", family="neural")).name == "linear"
    assert family_of(replace(digits.header, architecture="mine", family="recurrent")) in FAMILIES
    assert family_of(replace(digits.header, architecture="mine", family="my own")) == Family("my own", None, "")


@pytest.mark.parametrize("architecture", BUILT_IN)
def test_every_architecture_that_comes_along_stands_in_the_family_that_it_names(architecture: str) -> None:
    (family,) = (family for family in FAMILIES if architecture in family.architectures)
    assert network_class(architecture).family == family.name


def test_every_family_is_explained_in_a_line() -> None:
    assert all(family.about and "\n" not in family.about for family in FAMILIES)


def test_cards_and_thumbnails_are_found_by_the_models_name(shipped: Path) -> None:
    digits, zebra, _ = Catalog(shipped).entries()
    assert digits.shipped
    assert digits.card == shipped / "cards" / "digits.md"
    assert digits.thumbnail == shipped / "cards" / "digits.png"
    assert (zebra.card, zebra.thumbnail) == (None, None)


def test_the_shipped_folder_is_that_of_the_installed_program() -> None:
    assert (SHIPPED / "__init__.py").is_file()
    assert Catalog().shipped == SHIPPED


def test_everything_that_is_shipped_can_be_listed() -> None:
    catalog = Catalog()
    assert all(entry.shipped for entry in catalog.entries())
    assert catalog.problems == []


def test_a_missing_folder_is_an_empty_catalog(tmp_path: Path) -> None:
    assert Catalog(tmp_path / "nothing").entries() == []


def test_a_broken_file_does_not_break_the_list_and_is_reported(shipped: Path) -> None:
    broken = shipped / "checkpoints" / "broken.safetensors"
    broken.write_bytes(b"oops")
    catalog = Catalog(shipped)
    assert names(catalog) == ["digits", "zebra", "speech"]
    ((path, problem),) = catalog.problems
    assert path == broken
    assert str(broken) in problem
    broken.unlink()
    catalog.entries()
    assert catalog.problems == []


def test_a_file_that_is_being_written_is_not_listed(shipped: Path) -> None:
    (shipped / "checkpoints" / ".0123.safetensors").write_bytes(b"")
    catalog = Catalog(shipped)
    assert len(catalog.entries()) == 3
    assert catalog.problems == []


# --- find --------------------------------------------------------------------------------------------------------


def test_a_model_is_found_by_name_and_by_path(shipped: Path, tmp_path: Path) -> None:
    catalog = Catalog(shipped)
    assert catalog.find("zebra").path == shipped / "checkpoints" / "zebra.safetensors"
    assert catalog.find(str(shipped / "checkpoints" / "zebra.safetensors")) == catalog.find("zebra")
    other = write(tmp_path / "other.safetensors")
    entry = catalog.find(str(other))
    assert (entry.path, entry.shipped) == (other, False)


def test_a_path_may_be_relative(shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "other.safetensors")
    monkeypatch.chdir(tmp_path)
    assert Catalog(shipped).find("other.safetensors").path == tmp_path / "other.safetensors"


def test_an_unknown_name_is_answered_with_the_known_ones_and_the_nearest(shipped: Path) -> None:
    with pytest.raises(InputError, match=r"'digts'; did you mean digits\? known models: digits, speech, zebra"):
        Catalog(shipped).find("digts")


@pytest.mark.parametrize("name", ["", "x" * 5000, "a\0b"])
def test_an_odd_name_is_an_unknown_name(shipped: Path, name: str) -> None:
    with pytest.raises(InputError, match="known models"):
        Catalog(shipped).find(name)


@pytest.mark.parametrize("name", ["/", "."])
def test_a_folder_that_is_no_model_is_answered_as_one(shipped: Path, name: str) -> None:
    with pytest.raises(FileError, match=r"it is a folder without config\.json; a model is"):
        Catalog(shipped).find(name)


def test_a_path_that_leads_to_no_checkpoint_is_answered_as_a_file(shipped: Path, tmp_path: Path) -> None:
    catalog = Catalog(shipped)
    with pytest.raises(FileError, match=r"none\.safetensors"):
        catalog.find(str(tmp_path / "none.safetensors"))
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n0000")
    with pytest.raises(CheckpointError, match=r"picture\.png"):
        catalog.find(str(tmp_path / "picture.png"))


def test_a_shipped_model_wins_over_an_added_one_of_the_same_name(shipped: Path, tmp_path: Path) -> None:
    catalog = Catalog(shipped)
    mine = catalog.add(write(tmp_path / "digits.safetensors", seed=9))
    assert catalog.find("digits").shipped
    assert catalog.find(str(mine.path)) == mine


@pytest.mark.parametrize("seed", [0, 9], ids=["same weights", "other weights"])
def test_a_shipped_model_wins_as_the_maker_of_a_take(shipped: Path, tmp_path: Path, seed: int) -> None:
    catalog = Catalog(shipped)
    ours = catalog.find("digits")
    catalog.add(write(tmp_path / "a" / "digits.safetensors", seed=seed))
    reference = load_checkpoint(ours.path).reference
    assert catalog.match(reference) == ours
    assert catalog.match(replace(reference, weights="0" * 16)) == ours


# --- add and remove ----------------------------------------------------------------------------------------------


def test_an_added_model_is_remembered_with_its_card(shipped: Path, tmp_path: Path) -> None:
    user = tmp_path / "profile"
    user.mkdir()
    mine = write(tmp_path / "mine" / "mine.safetensors", title="A model of mine")
    mine.with_suffix(".md").write_text("# Mine", encoding="utf-8")
    entry = Catalog(shipped, user).add(mine)
    assert (entry.path, entry.shipped, entry.card) == (mine, False, mine.with_suffix(".md"))
    assert names(Catalog(shipped, user)) == ["mine", "digits", "zebra", "speech"]
    assert json.loads((user / ADDED_FILE).read_text()) == [str(mine)]


def test_without_a_profile_an_added_model_lasts_as_long_as_the_catalog(shipped: Path, tmp_path: Path) -> None:
    catalog = Catalog(shipped)
    catalog.add(write(tmp_path / "mine.safetensors"))
    assert "mine" in names(catalog)
    assert "mine" not in names(Catalog(shipped))


def test_a_model_added_twice_is_listed_once(shipped: Path, tmp_path: Path) -> None:
    catalog = Catalog(shipped)
    mine = write(tmp_path / "mine.safetensors")
    assert catalog.add(mine) == catalog.add(tmp_path / "x" / ".." / "mine.safetensors")
    assert names(catalog).count("mine") == 1


def test_adding_a_shipped_model_changes_nothing(shipped: Path) -> None:
    catalog = Catalog(shipped)
    assert catalog.add(shipped / "checkpoints" / "zebra.safetensors").shipped
    assert len(catalog.entries()) == 3


def test_a_file_that_is_no_checkpoint_is_not_added(shipped: Path, tmp_path: Path) -> None:
    (tmp_path / "profile").mkdir()
    catalog = Catalog(shipped, tmp_path / "profile")
    with pytest.raises(FileError):
        catalog.add(tmp_path)
    assert not (tmp_path / "profile" / ADDED_FILE).exists()


def test_a_removed_model_is_forgotten_and_its_file_stays(shipped: Path, tmp_path: Path) -> None:
    (tmp_path / "profile").mkdir()
    catalog = Catalog(shipped, tmp_path / "profile")
    mine = write(tmp_path / "mine.safetensors")
    catalog.add(mine)
    catalog.remove(mine)
    assert "mine" not in names(Catalog(shipped, tmp_path / "profile"))
    assert mine.exists()
    with pytest.raises(InputError, match=r"mine\.safetensors is not among"):
        catalog.remove(mine)


def test_a_missing_added_file_is_skipped_but_kept(shipped: Path, tmp_path: Path) -> None:
    (tmp_path / "profile").mkdir()
    catalog = Catalog(shipped, tmp_path / "profile")
    mine, other = write(tmp_path / "mine.safetensors"), write(tmp_path / "other.safetensors")
    catalog.add(mine)
    away = mine.rename(tmp_path / "away.safetensors")
    catalog.add(other)
    assert "mine" not in names(catalog)
    assert catalog.problems == []
    away.rename(mine)
    assert {"mine", "other"} <= set(names(catalog))


@pytest.mark.parametrize("content", [b"{", b"\xff", b"{}", b"[1]", b"[" * 100_000])
def test_a_damaged_list_is_reported_and_begun_anew(shipped: Path, tmp_path: Path, content: bytes) -> None:
    user = tmp_path / "profile"
    user.mkdir()
    (user / ADDED_FILE).write_bytes(content)
    catalog = Catalog(shipped, user)
    assert len(catalog.entries()) == 3
    assert [path for path, _ in catalog.problems] == [user / ADDED_FILE]
    catalog.add(write(tmp_path / "mine.safetensors"))
    assert "mine" in names(Catalog(shipped, user))


def test_a_profile_that_cannot_be_written_is_named(shipped: Path, tmp_path: Path) -> None:
    mine = write(tmp_path / "mine.safetensors")
    catalog = Catalog(shipped, tmp_path / "gone")
    with pytest.raises(FileError, match=r"gone.*models\.json"):
        catalog.add(mine)
    assert mine in [entry.path for entry in catalog.entries()]  # until the program ends


# --- match -------------------------------------------------------------------------------------------------------


def test_the_model_of_a_take_is_found_by_its_weights_under_any_name(shipped: Path, tmp_path: Path) -> None:
    catalog = Catalog(shipped)
    reference = load_checkpoint(shipped / "checkpoints" / "zebra.safetensors").reference
    (shipped / "checkpoints" / "zebra.safetensors").unlink()
    renamed = catalog.add(write(tmp_path / "renamed.safetensors", seed=2))
    assert catalog.match(reference) == renamed


def test_the_same_weights_are_better_than_the_same_name(shipped: Path, tmp_path: Path) -> None:
    catalog = Catalog(shipped)
    write(tmp_path / "old" / "digits.safetensors", seed=9)
    reference = load_checkpoint(tmp_path / "old" / "digits.safetensors").reference
    by_name = catalog.match(reference)
    assert by_name is not None
    assert by_name.path == shipped / "checkpoints" / "digits.safetensors"
    mine = catalog.add(tmp_path / "old" / "digits.safetensors")
    assert catalog.match(reference) == mine


def test_a_namesake_with_another_chain_is_no_match(shipped: Path, tmp_path: Path) -> None:
    larger = write(tmp_path / "digits.safetensors", chain=ImageChain(GreyLevels(4), 9, 9), seed=9)
    assert Catalog(shipped).match(load_checkpoint(larger).reference) is None


def test_a_reference_that_names_the_weights_of_another_chain_is_no_match(shipped: Path) -> None:
    entry = Catalog(shipped).entries()[0]
    reference = load_checkpoint(entry.path).reference
    assert Catalog(shipped).match(reference) is not None
    forged = dataclasses.replace(reference, chain=ImageChain(GreyLevels(4), 9, 9))
    assert Catalog(shipped).match(forged) is None
    assert not reference.walks_as(forged)


def test_a_file_whose_weights_changed_no_longer_matches(shipped: Path, tmp_path: Path) -> None:
    catalog = Catalog(shipped)
    mine = write(tmp_path / "mine.safetensors", seed=4)
    catalog.add(mine)
    reference = load_checkpoint(mine).reference
    found = catalog.match(reference)
    assert found is not None
    assert found.path == mine
    write(mine, title="retrained", chain=SOUND, seed=5)
    assert catalog.match(reference) is None


def test_listing_models_imports_no_torch(shipped: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from models.catalog import Catalog;"
        f"assert len(Catalog(Path({str(shipped)!r})).entries()) == 3;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_search_for_the_model_of_a_take_ends_when_nobody_waits_for_it(shipped: Path) -> None:
    catalog = Catalog(shipped)
    reference = load_checkpoint(catalog.find("digits").path).reference
    checks = 0

    def check() -> None:
        nonlocal checks
        checks += 1
        if checks > len(catalog.listed):  # every header is read, and the weights are next
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        catalog.match(reference, check)
    assert catalog._hashes == {}
    assert catalog.match(reference) == catalog.find("digits")


def test_what_is_listed_is_there_without_a_look_at_the_disk(shipped: Path, tmp_path: Path) -> None:
    catalog = Catalog(shipped)
    assert catalog.listed == []
    mine = catalog.add(write(tmp_path / "mine.safetensors"))
    shutil.rmtree(shipped / "checkpoints")
    assert [entry.header.name for entry in catalog.listed] == ["digits", "mine", "zebra", "speech"]
    assert catalog.listed_as("mine") == catalog.listed_as(str(mine.path)) == mine
    assert catalog.listed_as("none") is None
    catalog.remove(mine.path)
    assert catalog.listed_as("mine") is None
    assert catalog.entries(added=False) == catalog.listed == []
