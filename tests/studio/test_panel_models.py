"""The list of models and the card: found, chosen, explained, removed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QRectF, Qt, QUrl
from PySide6.QtGui import QImage, QPainter, QPixmap
from PySide6.QtWidgets import QApplication, QListView, QListWidgetItem
from pytestqt.qtbot import QtBot

from models.catalog import Entry
from models.checkpoint import update_header
from studio.panels.models import (
    ENTRY,
    LEAST_WIDTH,
    MAX_CARD_CHARACTERS,
    CardBrowser,
    ModelCardDialog,
    ModelDelegate,
    ModelsPanel,
    card_text,
    duration,
    factorisation,
    facts,
    heading,
    quiet_line,
)
from studio.state import Activity, Studio
from studio.theme import DARK, LIGHT, palette
from tests.studio.conftest import IMAGE, SOUND
from tests.studio.text_chain import TEXT


def panel_of(studio: Studio, qtbot: QtBot) -> ModelsPanel:
    panel = ModelsPanel(studio)
    qtbot.addWidget(panel)
    panel.resize(250, 400)
    panel.show()
    return panel


def items(panel: ModelsPanel) -> dict[str, QListWidgetItem]:
    found = [panel.list.item(row) for row in range(panel.list.count())]
    return {item.data(ENTRY).header.name: item for item in found if item.data(ENTRY) is not None}


def shown(panel: ModelsPanel) -> list[str]:
    rows = [panel.list.item(row) for row in range(panel.list.count())]
    return [item.text() for item in rows if not item.isHidden()]


@pytest.fixture
def added(studio: Studio, checkpoints: Path, tmp_path: Path) -> Entry:
    """A model that the user added, with a card, an image and a measured likelihood."""
    path = tmp_path / "mine.safetensors"
    shutil.copy(checkpoints / "checkpoints" / f"{IMAGE}.safetensors", path)
    measured = {"bits_per_dim": 0.81, "bits_per_dim_standard_error": 0.004, "nats": 440.0, "examples": 10_000}
    training = {"steps": 13_000, "seconds": 8040, "hardware": "two cores", "command": "train <mine>"}
    update_header(path, training=training, likelihood={"test": measured})
    path.with_suffix(".md").write_text("# Mine\n\n![samples](samples.png) and **words**", encoding="utf-8")
    (tmp_path / "samples.png").write_bytes(b"\x89PNG")
    return studio.catalog.add(path)


def test_models_stand_under_what_they_make_and_how(studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(studio, qtbot)
    assert shown(panel) == [
        "Images · masked convolution",
        "Tiny Pixelcnn",
        "Sound · dilated convolution",
        "Tiny Wavenet",
    ]


def test_the_quiet_line_tells_data_conditions_and_likelihood(studio: Studio, added: Entry) -> None:
    assert quiet_line(added.header) == "Noise · 3 digits · 0.81 bits/dim"
    assert quiet_line(studio.catalog.find(SOUND).header) == "Noise · 2 speakers · 3 digits"
    assert heading(added.header) == "Images · masked convolution"


def test_likelihood_is_told_per_dimension_of_an_image_and_per_sample_of_a_sound(
    studio: Studio, checkpoints: Path, tmp_path: Path
) -> None:
    path = tmp_path / "speaks.safetensors"
    shutil.copy(checkpoints / "checkpoints" / f"{SOUND}.safetensors", path)
    entry = Entry(update_header(path, likelihood={"test": {"bits_per_dim": 4.6}}), path, False, None, None)
    assert quiet_line(entry.header).endswith(" · 4.60 bits/sample")
    assert dict(facts(entry))["Measured, test part"] == "4.600 bits/sample"


def test_rows_are_as_high_as_the_width_of_the_list_asks_for(studio: Studio, added: Entry, qtbot: QtBot) -> None:
    panel = panel_of(studio, qtbot)
    row = items(panel)[SOUND]

    def height() -> int:
        return panel.list.visualItemRect(row).height()

    wide = height()
    panel.resize(LEAST_WIDTH, 400)
    qtbot.waitUntil(lambda: height() > wide)
    panel.resize(250, 400)
    qtbot.waitUntil(lambda: height() == wide)


def test_loading_asks_for_no_more_width(studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(studio, qtbot)
    before = panel.minimumSizeHint().width()
    panel.loading_label.setText(f"Loading {'x' * 200}…")
    panel.loading.show()
    qtbot.wait(20)
    assert max(before, panel.minimumSizeHint().width()) <= LEAST_WIDTH == panel.minimumWidth()


def signs(studio: Studio, entry: Entry) -> set[str]:
    """The colours of the picture in front of a model."""
    delegate = ModelDelegate(studio, QListView())
    pixmap = QPixmap(32, 32)
    pixmap.fill(DARK.panel)
    with QPainter(pixmap) as painter:
        delegate._paint_picture(painter, DARK, QRectF(0, 0, 32, 32), entry)
    image = pixmap.toImage()
    return {image.pixelColor(x, y).name() for x in range(32) for y in range(32)}


def test_a_model_of_an_unknown_modality_has_a_neutral_sign_a_heading_and_facts(studio: Studio, qtbot: QtBot) -> None:
    known = studio.catalog.find(IMAGE)
    entry = replace(known, header=replace(known.header, chain=TEXT), thumbnail=None)
    assert {DARK.chosen.name(), DARK.border.name()} <= signs(studio, entry)
    assert heading(entry.header) == "Text · masked convolution"
    assert ("Steps", "open, at most 400") in facts(entry)
    dialog = ModelCardDialog(entry)
    qtbot.addWidget(dialog)
    dialog.show()


def test_a_sound_is_told_by_a_wave_whatever_its_picture_and_an_image_by_its_picture(
    studio: Studio, qtbot: QtBot, tmp_path: Path
) -> None:
    picture = tmp_path / "picture.png"
    Image.new("RGB", (64, 64), "#123456").save(picture)
    sound = replace(studio.catalog.find(SOUND), thumbnail=picture)
    image = replace(studio.catalog.find(IMAGE), thumbnail=picture)
    assert DARK.chosen.name() in signs(studio, sound)
    assert "#123456" not in signs(studio, sound)
    assert "#123456" in signs(studio, image)
    picture.write_bytes(b"no picture")
    assert DARK.chosen.name() in signs(studio, image)


def test_a_click_chooses_a_model_and_loading_can_be_cancelled(studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(studio, qtbot)
    assert not panel.loading.isVisible()
    where = panel.list.visualItemRect(items(panel)[SOUND]).center()
    qtbot.mouseClick(panel.list.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert studio.activity is Activity.LOADING
    assert panel.loading.isVisible()
    assert "Tiny Wavenet" in panel.loading_label.text()
    panel.cancel_button.click()
    assert studio.activity is Activity.EMPTY
    assert not panel.loading.isVisible()
    qtbot.mouseClick(panel.list.viewport(), Qt.MouseButton.LeftButton, pos=where)
    qtbot.waitUntil(lambda: studio.activity is Activity.IDLE, timeout=20_000)
    assert not panel.loading.isVisible()
    assert studio.model_name == SOUND


def test_the_arrows_only_move_and_return_chooses(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    panel.list.setFocus()
    qtbot.keyClick(panel.list, Qt.Key.Key_Down)
    assert image_studio.model_name == IMAGE
    qtbot.keyClick(panel.list, Qt.Key.Key_Return)
    assert image_studio.model_name == SOUND
    qtbot.waitUntil(lambda: image_studio.activity is Activity.IDLE, timeout=20_000)


def test_search_finds_by_every_word_and_says_when_nothing_matches(studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(studio, qtbot)
    panel.search.setText("SPEAKERS tiny")
    assert shown(panel) == ["Sound · dilated convolution", "Tiny Wavenet"]
    panel.search.setText("video")
    assert panel.pages.currentWidget() is panel.empty
    assert "“video”" in panel.empty.text()
    panel.search.clear()
    assert len(shown(panel)) == 4


def test_an_empty_catalog_says_how_to_get_a_model(studio: Studio, qtbot: QtBot, tmp_path: Path) -> None:
    studio.catalog.shipped = tmp_path / "nothing"
    panel = panel_of(studio, qtbot)
    assert panel.pages.currentWidget() is panel.empty
    assert "checkpoint" in panel.empty.text()


def test_an_added_model_appears_and_can_be_removed(studio: Studio, qtbot: QtBot, added: Entry) -> None:
    panel = panel_of(studio, qtbot)
    paths = [panel.list.item(row).data(ENTRY) for row in range(panel.list.count())]
    assert added.path in [entry.path for entry in paths if entry is not None]
    panel.remove(added)
    assert len(shown(panel)) == 4
    assert added.path.exists()


def test_the_card_tells_the_facts_of_the_header(added: Entry) -> None:
    told = dict(facts(added))
    assert told["Factorisation"] == (
        "p(x | digit) = ∏<sub>i = 0</sub><sup>47</sup> p(x<sub>i</sub> | x<sub>&lt; i</sub>, digit)"
    )
    assert told["Measured, test part"].startswith("0.810 ± 0.004 bits/dim")
    assert "10\u202f000 examples" in told["Measured, test part"]
    assert told["Training time"] == "2 h 14 min"
    assert told["Command"] == "<code>train &lt;mine&gt;</code>"
    assert told["Licence of the data"] == "none"
    assert told["Condition: digit"] == "0, 1, 2, or any"


def test_an_open_chain_has_no_last_factor(studio: Studio) -> None:
    header = studio.catalog.find(SOUND).header
    assert factorisation(header).startswith("p(x | speaker, digit) = ∏<sub>i ≥ 0</sub>")


def test_a_training_record_of_another_kind_is_left_out(added: Entry) -> None:
    update_header(added.path, training={"steps": "many", "seconds": None, "command": ["a"]})
    told = dict(facts(Entry(update_header(added.path), added.path, False, None, None)))
    assert not {"Training steps", "Training time", "Command", "Hardware"} & set(told)


def test_the_card_dialog_shows_the_markdown_beside_the_checkpoint(qtbot: QtBot, added: Entry) -> None:
    dialog = ModelCardDialog(added)
    qtbot.addWidget(dialog)
    assert dialog.windowTitle() == "Tiny Pixelcnn"
    assert "Mine" in dialog.browser.toPlainText()
    assert "words" in dialog.browser.toPlainText()


def test_the_card_opens_wide_enough_for_its_table_and_its_images_within_the_screen(qtbot: QtBot, added: Entry) -> None:
    assert added.card is not None
    row = "| length: median (5 … 95 %) | 0.373 (0.127 … 0.974) s | 0.426 (0.235 … 0.634) s |"
    added.card.write_text(
        f"# Mine\n\n![samples](samples.png)\n\n| | generated | real |\n| --- | ---: | ---: |\n{row}\n"
    )
    with added.card.open("a", encoding="utf-8") as card:
        card.write(f"\n`{'unbroken' * 40}`\n")
    Image.new("L", (1800, 300), 99).save(added.card.parent / "samples.png")
    dialog = ModelCardDialog(added)
    qtbot.addWidget(dialog)
    dialog.show()
    screen = dialog.screen().availableSize()
    assert dialog.width() <= screen.width()
    assert dialog.height() <= screen.height()
    for width in (dialog.width(), 620):
        dialog.resize(width, 500)
        QApplication.processEvents()
        assert dialog.browser.horizontalScrollBar().maximum() == 0
        assert dialog.browser.document().idealWidth() <= dialog.browser.viewport().width()
        image = dialog.browser.loadResource(2, QUrl("samples.png"))
        assert isinstance(image, QImage)
        assert image.width() < dialog.browser.viewport().width()


def test_headings_and_tables_of_a_card_stand_apart_from_the_text(qtbot: QtBot, tmp_path: Path) -> None:
    browser = CardBrowser(tmp_path)
    qtbot.addWidget(browser)
    browser.show_card("# Mine\n\nwords\n\n## Data\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n")
    first, words, second = (browser.document().findBlockByNumber(number).blockFormat() for number in range(3))
    assert first.topMargin() == 0
    assert second.topMargin() > words.bottomMargin() > 0
    (table,) = browser.document().rootFrame().childFrames()
    assert table.frameFormat().toTableFormat().cellPadding() > 0
    for theme in (DARK, LIGHT):
        browser.setPalette(palette(theme))
        assert table.frameFormat().borderBrush().color() == theme.border


def test_a_model_without_a_card_says_so(studio: Studio, qtbot: QtBot) -> None:
    dialog = ModelCardDialog(studio.catalog.find(SOUND))
    qtbot.addWidget(dialog)
    assert "no card" in dialog.browser.toPlainText()


def test_a_card_that_cannot_be_read_says_so(qtbot: QtBot, added: Entry) -> None:
    assert added.card is not None
    added.card.write_bytes(b"\xff\xfe")
    dialog = ModelCardDialog(added)
    qtbot.addWidget(dialog)
    assert "cannot be read" in dialog.browser.toPlainText()


def test_a_huge_card_is_cut(qtbot: QtBot, added: Entry) -> None:
    assert added.card is not None
    added.card.write_text("x" * (MAX_CARD_CHARACTERS + 1))
    assert len(card_text(added)) == MAX_CARD_CHARACTERS


def test_images_come_from_the_folder_of_the_card_and_nowhere_else(qtbot: QtBot, tmp_path: Path) -> None:
    inside = tmp_path / "cards"
    inside.mkdir()
    for path in (inside / "here.png", tmp_path / "outside.png"):
        Image.new("L", (7, 5), 99).save(path)
    browser = CardBrowser(inside)
    qtbot.addWidget(browser)
    here = browser.loadResource(2, QUrl("here.png"))
    assert isinstance(here, QImage)
    assert (here.width(), here.pixelColor(3, 3).red()) == (7, 99)
    outside = QUrl.fromLocalFile(str(tmp_path / "outside.png"))
    for name in (QUrl("https://example.org/here.png"), QUrl("../outside.png"), outside, QUrl("//host/here.png")):
        assert browser.loadResource(2, name) is None


def test_show_card_opens_the_card_of_the_chosen_model(
    make_studio: Callable[[], Studio], image_studio: Studio, qtbot: QtBot
) -> None:
    panel = panel_of(image_studio, qtbot)
    panel.show_card()
    (dialog,) = panel.findChildren(ModelCardDialog)
    assert dialog.isVisible()
    dialog.close()


@pytest.mark.parametrize(("seconds", "text"), [(12, "12 s"), (75, "1 min 15 s"), (8040, "2 h 14 min")])
def test_durations_take_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text
