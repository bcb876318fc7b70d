"""Architectures stand alone: each can be read, changed and taken out without the others."""

from __future__ import annotations

import itertools
from pathlib import Path

import grimp
import pytest

import models.networks

FOLDER = Path(models.networks.__path__[0])
NETWORKS = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))


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
            found += [chain] if chain else []
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
