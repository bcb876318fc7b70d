"""Architectures stand alone: each can be read, changed and taken out without the others."""

from __future__ import annotations

import itertools
from pathlib import Path

import grimp
import pytest

import models.networks
from models.chain import Chain, GreyLevels, ImageChain, MuLaw, SoundChain
from models.errors import InputError
from models.model import ModelSpec
from models.networks import network_class
from models.text import Characters, TextChain
from models.video import VideoChain

FOLDER = Path(models.networks.__path__[0])
NETWORKS = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))


EXTENSIONS = {"pixelcnn_autoencoder": "gated_pixelcnn"}
"""An architecture that is another one with something more, which cannot be taken out without it."""


def architecture(network: str) -> str:
    """A network and its decoder are one."""
    return network.removesuffix("_decoder")


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("models", cache_dir=None)


def chains_between_architectures(imports: grimp.ImportGraph, networks: list[str]) -> list[tuple[str, ...]]:
    """Every way in which a network imports one of another architecture, if only through a third module."""
    found = []
    for one, other in itertools.permutations(networks, 2):
        if architecture(one) != architecture(other):
            chain = imports.find_shortest_chain(f"models.networks.{one}", f"models.networks.{other}")
            extends = EXTENSIONS.get(architecture(one)) == architecture(other)
            found += [chain] if chain and not extends else []
    return found


def test_architectures_do_not_import_one_another(imports: grimp.ImportGraph) -> None:
    assert {"gated_pixelcnn", "wavenet"} <= {architecture(network) for network in NETWORKS}
    assert chains_between_architectures(imports, NETWORKS) == []


def test_an_import_through_another_module_would_be_found() -> None:
    graph = grimp.build_graph("models", cache_dir=None)
    graph.add_import(importer="models.networks.wavenet", imported="models.kernels.gated_pixelcnn")
    assert (
        "models.networks.wavenet",
        "models.kernels.gated_pixelcnn",
        "models.networks.gated_pixelcnn",
    ) in chains_between_architectures(graph, NETWORKS)


SIZES: dict[str, tuple[Chain, dict[str, object]]] = {
    "gated_pixelcnn": (
        ImageChain(GreyLevels(4), 3, 3),
        {"channels": 2, "head": 2, "dilations": [1], "first_rows": 1},
    ),
    "wavenet": (
        SoundChain(MuLaw(4), 8000, default_seconds=0.1, max_seconds=1.0),
        {"residual": 2, "skip": 2, "head": 2, "dilations": [1]},
    ),
    "video_pixel_network": (
        VideoChain(GreyLevels(4), frames=2, height=3, width=3, rate=5),
        {"channels": 2, "dilations": [1], "hidden": 2, "blocks": 1, "head": 2},
    ),
    "nade": (
        ImageChain(GreyLevels(4), 3, 3),
        {"hidden": 2, "output": "mixture of Gaussians", "components": 2},
    ),
    "gpt2": (
        TextChain(Characters(4, False, "abcd"), default_length=9, max_length=9),
        {"layers": 1, "width": 2, "heads": 1, "inner": 2, "positions": 9},
    ),
    "transformer": (
        TextChain(Characters(4, False, "abcd"), default_length=9, max_length=9),
        {"layers": 1, "width": 2, "heads": 1, "context": 2, "dropout": 0.0},
    ),
}


def refused(network: str, config: dict[str, object]) -> str:
    """What is said of sizes that no network can have."""
    with pytest.raises(InputError) as error:
        network_class(network)(ModelSpec(network, SIZES[network][0], (), config))
    return str(error.value)


@pytest.mark.parametrize("network", SIZES)
@pytest.mark.parametrize("value", [True, 0, -1, 10**9, 2.0, "a", [], None])
def test_a_size_that_is_no_whole_number_in_its_range_is_refused_by_name(network: str, value: object) -> None:
    config = SIZES[network][1]
    for name in config.keys() - {"dilations", "output", "dropout"}:
        says = refused(network, config | {name: value})
        assert says.startswith(f"{name} of a ")
        assert "is a whole number in 1 … " in says
        assert says.endswith(f", not {value!r}")


@pytest.mark.parametrize("network", [network for network, (_, config) in SIZES.items() if "dilations" in config])
@pytest.mark.parametrize(
    "value", [5, True, "12", {"1": 1}, None, [], [0], [True], [1.5], ["1"], [[1]], [10**9], [1] * 201]
)
def test_dilations_that_are_no_list_of_whole_numbers_are_refused(network: str, value: object) -> None:
    says = refused(network, SIZES[network][1] | {"dilations": value})
    assert says.startswith("dilations of a ")
    assert "a list of 1 to" in says


@pytest.mark.parametrize("network", SIZES)
def test_sizes_that_are_missing_or_of_another_network_are_refused_with_those_that_there_are(network: str) -> None:
    config = SIZES[network][1]
    for wrong in ({}, {"head": 2}, config | {"depth": 3}):
        says = refused(network, wrong)
        assert "is given" in says
        assert all(name in says for name in config)
        assert says.endswith(f"; not {', '.join(wrong) or 'nothing'}")
        assert "__init__" not in says
