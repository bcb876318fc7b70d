"""The inspector of a mixture: the density behind the levels, with its components, as numbers without torch."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from pytestqt.qtbot import QtBot

from models.chain import GreyLevels, ImageChain
from models.conditional import BinnedMixture, MixtureOfGaussians, MixtureOfLogistics
from models.shaping import Shaping
from studio.looking import Pointer
from studio.messages import Density, Inspection, density_of
from studio.panels.conditional_plots import ConditionalPlot
from studio.panels.inspector import InspectorPanel
from studio.state import Studio
from tests.studio.conftest import DIGIT, finish, load, write

CONFIG: dict[str, object] = {"hidden": 8, "output": "mixture of Gaussians", "components": 5}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mixtures")
    (folder / "checkpoints").mkdir()
    write(folder, "grey", "nade", ImageChain(GreyLevels(256), 4, 5), (DIGIT,), CONFIG)
    write(folder, "colour", "nade", ImageChain(GreyLevels(64), 3, 3, 3), (DIGIT,), CONFIG)
    write(folder, "plain", "nade", ImageChain(GreyLevels(8), 4, 5), (DIGIT,), {"hidden": 8, "output": "softmax"})
    return folder


@pytest.fixture
def panel(make_studio: Callable[[], Studio], qtbot: QtBot) -> InspectorPanel:
    panel = InspectorPanel(make_studio())
    qtbot.addWidget(panel)
    panel.resize(345, 560)
    panel.show()
    return panel


def look_at(panel: InspectorPanel, qtbot: QtBot, name: str, step: int) -> Inspection:
    studio = panel.studio
    load(studio, qtbot, name)
    studio.change("test", pace=math.inf)
    studio.begin()
    finish(studio, qtbot)
    studio.looking.pin(Pointer(0, step))
    qtbot.waitUntil(lambda: panel.inspection is not None and panel.inspection.step == step)
    assert panel.inspection is not None
    return panel.inspection


def mixture(kind: type[BinnedMixture], weights: list[float], means: list[float], scales: list[float]) -> BinnedMixture:
    return kind(torch.tensor(weights).log(), torch.tensor(means), torch.tensor(scales), 256)


@pytest.mark.parametrize("name", ["grey", "colour"])
def test_an_inspected_mixture_comes_with_its_density(panel: InspectorPanel, qtbot: QtBot, name: str) -> None:
    inspection = look_at(panel, qtbot, name, 13)
    loaded, trace = panel.studio.worker._model, panel.studio.trace
    assert loaded is not None
    assert trace is not None
    with torch.inference_mode():
        symbols = torch.from_numpy(trace.symbols.astype(np.int64))[None]
        conditional = loaded.model.conditionals(symbols, loaded.model.condition_tensor(trace.segment.condition))[0]
        for shown in (inspection, *inspection.beside):
            density, expected = shown.density, conditional[shown.step]
            assert density is not None
            assert isinstance(expected, MixtureOfGaussians)
            shares = expected.densities(torch.from_numpy(density.places)).numpy()
            assert density.total == pytest.approx(shares.sum(0), rel=1e-3, abs=1e-9)
            assert density.components == 5
    assert len(inspection.beside) == (2 if name == "colour" else 0)
    assert panel.mixture.isVisible()
    assert panel.mixture_label.full == "5 of 5 components weigh more than 1 %"


def test_what_the_window_gets_is_free_of_torch(panel: InspectorPanel, qtbot: QtBot) -> None:
    def check(value: object) -> None:
        if isinstance(value, Inspection | Density | Shaping):
            for field in fields(value):
                check(getattr(value, field.name))
        elif isinstance(value, tuple):
            for part in value:
                check(part)
        elif isinstance(value, np.ndarray):
            assert value.dtype == np.float64
        else:
            assert value is None or isinstance(value, int | float | bool)

    check(look_at(panel, qtbot, "colour", 13))


def test_a_softmax_has_no_density_and_no_line_about_components(panel: InspectorPanel, qtbot: QtBot) -> None:
    look_at(panel, qtbot, "grey", 7)
    assert look_at(panel, qtbot, "plain", 7).density is None
    assert not panel.mixture.isVisible()
    panel.grab()
    assert panel.plot._densities == []


@pytest.mark.parametrize("kind", [MixtureOfGaussians, MixtureOfLogistics])
def test_light_components_are_left_out_of_the_picture_but_not_of_the_sum(kind: type[BinnedMixture]) -> None:
    found = density_of(mixture(kind, [0.295, 0.005, 0.7], [40.0, 128.0, 200.0], [4.0, 6.0, 8.0]))
    assert (found.components, found.shares.shape) == (3, (2, len(found.places)))
    masses = [float(np.trapezoid(share, found.places)) for share in (*found.shares, found.total)]
    assert masses == pytest.approx([0.7, 0.295, 1.0], abs=5e-3)  # the heaviest first
    assert (np.diff(found.places) > 0).all()
    assert (found.places[0], found.places[-1]) == (-0.5, 255.5)


def test_the_peak_of_a_narrow_component_is_not_missed() -> None:
    found = density_of(mixture(MixtureOfGaussians, [0.5, 0.5], [77.23, 150.0], [0.1, 30.0]))
    top = 0.5 / (0.1 * math.sqrt(2 * math.pi))
    assert found.total.max() == pytest.approx(top, rel=0.01)


def test_the_density_follows_the_bars(qtbot: QtBot) -> None:
    """Scaled to them: over the middle of each level it is as high as the bar, where it bends little."""
    smooth = mixture(MixtureOfLogistics, [0.6, 0.4], [90.0, 170.0], [9.0, 14.0])
    p, density = smooth.dense().exp().numpy(), density_of(smooth)
    plot = ConditionalPlot()
    qtbot.addWidget(plot)
    plot.resize(340, 240)
    for scale in ("linear", "√", "log"):
        plot.set_scale(scale)
        plot.show_inspection(Inspection(1, 0, 0, p, p, Shaping(), 90, False, density), GreyLevels(256))
        plot.grab()
        *components, total = plot._densities
        assert len(components) == 2
        curve = np.array([(point.x(), point.y()) for point in total])
        ground, height = plot.ground, plot._area().height()
        for level in (70, 90, 130, 200):
            y = np.interp(plot.x_of(level), curve[:, 0], curve[:, 1])
            share = {"linear": 1.0, "√": 0.5}.get(scale)
            expected = (p[level] / plot._top) ** share if share else 1 + math.log10(p[level] / plot._top) / 6
            assert (ground - y) / height == pytest.approx(expected, abs=0.01)


def test_a_peak_above_the_bars_ends_at_the_top_of_the_plot(qtbot: QtBot) -> None:
    narrow = mixture(MixtureOfGaussians, [1.0], [77.5], [0.1])  # two bars of 0.5, and a density of 4
    p = narrow.dense().exp().numpy()
    plot = ConditionalPlot()
    qtbot.addWidget(plot)
    plot.resize(340, 240)
    inspection = Inspection(1, 0, 0, p, p, Shaping(), 77, False, density_of(narrow))
    plot.show_inspection(inspection, GreyLevels(256))
    plot.grab()
    assert min(point.y() for point in plot._densities[-1]) == pytest.approx(plot._area().top())
