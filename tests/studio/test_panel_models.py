"""The tree of models and the card: found, filtered, chosen, explained, removed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QPoint, QRectF, Qt, QUrl
from PySide6.QtGui import QContextMenuEvent, QImage, QKeySequence, QPainter, QPixmap, QShortcut
from PySide6.QtWidgets import QApplication, QTreeWidgetItem
from pytestqt.qtbot import QtBot

from models.catalog import Entry, family_of
from models.chain import GreyLevels, ImageChain
from models.checkpoint import save_checkpoint, update_header
from models.model import ModelSpec
from models.networks import network_class
from studio.panels.model_card import (
    MAX_CARD_CHARACTERS,
    CardBrowser,
    ModelCardDialog,
    card_text,
    duration,
    factorisation,
    facts,
)
from studio.panels.model_filters import LEAST_WIDTH
from studio.panels.model_tree import ENTRY, ModelTree, modality_title, quiet_line, row_words
from studio.panels.models import OPEN_MODELS, ModelsPanel
from studio.state import Activity, Studio
from studio.theme import DARK, LIGHT, palette
from tests.studio.conftest import DIGIT, IMAGE, SOUND, chosen_model, load
from tests.studio.melody_chain import MELODY


def panel_of(studio: Studio, qtbot: QtBot) -> ModelsPanel:
    panel = ModelsPanel(studio)
    qtbot.addWidget(panel)
    panel.resize(250, 400)
    panel.show()
    return panel


def items(panel: ModelsPanel) -> dict[str, QTreeWidgetItem]:
    return {item.data(0, ENTRY).header.name: item for item in panel.list.models()}


def family(panel: ModelsPanel, name: str) -> QTreeWidgetItem:
    return next(item for item in panel.list.families() if item.text(0) == name)


def shown(panel: ModelsPanel) -> list[str]:
    """The rows that can be scrolled to, each indented by how deep it lies."""
    rows = []
    row = panel.list.topLevelItem(0)
    if row is not None and row.isHidden():
        row = panel.list.itemBelow(row)
    while row is not None:
        depth = sum(above is not None for above in (row.parent(), row.parent() and row.parent().parent()))
        rows.append("  " * depth + row.text(0))
        row = panel.list.itemBelow(row)
    return rows


def click(panel: ModelsPanel, qtbot: QtBot, row: QTreeWidgetItem) -> None:
    where = panel.list.visualItemRect(row).center()
    qtbot.mouseClick(panel.list.viewport(), Qt.MouseButton.LeftButton, pos=where)


def in_view(panel: ModelsPanel, row: QTreeWidgetItem) -> bool:
    """But for the pixel by which Qt scrolls too little."""
    return panel.list.viewport().rect().adjusted(0, 0, 0, 1).contains(panel.list.visualItemRect(row))


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
        "Images",
        "  Masked convolution",
        "    Tiny Pixelcnn",
        "Sound",
        "  Dilated convolution",
        "    Tiny Wavenet",
    ]


def test_a_family_explains_itself_to_who_hovers_over_it_and_to_who_cannot_see_it(studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(studio, qtbot)
    row = family(panel, "Masked convolution")
    assert row.toolTip(0) == "The same few weights at every pixel, masked or shifted so that they only look back"
    assert row.data(0, Qt.ItemDataRole.AccessibleTextRole) == "Images, masked convolution, 1 model"
    assert row.data(0, Qt.ItemDataRole.AccessibleDescriptionRole) == row.toolTip(0)


def test_a_click_closes_a_family_and_the_profile_remembers(make_studio: Callable[[], Studio], qtbot: QtBot) -> None:
    first = panel_of(make_studio(), qtbot)
    click(first, qtbot, family(first, "Masked convolution"))
    assert shown(first) == ["Images", "  Masked convolution", "Sound", "  Dilated convolution", "    Tiny Wavenet"]
    first.studio.close()
    again = panel_of(make_studio(), qtbot)
    assert shown(again) == shown(first)
    click(again, qtbot, family(again, "Masked convolution"))
    assert "    Tiny Pixelcnn" in shown(again)


def test_families_begin_closed_where_there_are_many_models_but_for_the_chosen_one(
    image_studio: Studio, checkpoints: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    for number in range(OPEN_MODELS):
        path = tmp_path / f"copy{number}.safetensors"
        shutil.copy(checkpoints / "checkpoints" / f"{SOUND}.safetensors", path)
        image_studio.catalog.add(path)
    panel = panel_of(image_studio, qtbot)
    assert shown(panel) == ["Images", "  Masked convolution", "    Tiny Pixelcnn", "Sound", "  Dilated convolution"]


def test_a_model_that_is_chosen_elsewhere_opens_its_family_and_is_scrolled_to(
    image_studio: Studio, qtbot: QtBot
) -> None:
    panel = panel_of(image_studio, qtbot)
    panel.resize(250, 170)
    panel.open_all(False)
    image_studio.loading.choose(SOUND)
    row = items(panel)[SOUND]
    assert row is panel.list.currentItem()
    qtbot.waitUntil(lambda: in_view(panel, row))
    panel.resize(250, 155)
    qtbot.waitUntil(lambda: in_view(panel, row))
    qtbot.waitUntil(lambda: image_studio.activity is Activity.IDLE, timeout=20_000)


def test_the_chosen_model_is_in_view_when_the_window_opens(image_studio: Studio, qtbot: QtBot) -> None:
    load(image_studio, qtbot, SOUND)
    panel = ModelsPanel(image_studio)
    qtbot.addWidget(panel)
    panel.resize(250, 140)
    panel.show()
    qtbot.waitUntil(lambda: in_view(panel, items(panel)[SOUND]))


def test_a_row_tells_title_and_data_once(added: Entry) -> None:
    def row(title: str, data: str) -> tuple[str, list[str]]:
        return row_words(replace(added.header, title=title, data={"title": data}, factors=(), likelihood={}))

    assert row("Gated PixelCNN · MNIST", "MNIST") == ("Gated PixelCNN", ["MNIST"])
    assert row("NADE · binarised MNIST, shuffled", "MNIST, binarised") == ("NADE", ["binarised MNIST, shuffled"])
    assert row("WaveNet · spoken digits", "Free Spoken Digit Dataset") == ("WaveNet", ["Free Spoken Digit Dataset"])
    assert row("NADE · photographs", "CIFAR-10") == ("NADE", ["photographs", "CIFAR-10"])
    assert row("Mine", "MNIST") == ("Mine", ["MNIST"])
    assert row(" · ", "MNIST") == (" · ", ["MNIST"])
    assert row_words(added.header) == ("Tiny Pixelcnn", ["Noise", "3 digits", "0.810 bits/dim"])


def test_a_title_without_room_is_told_by_the_tool_tip(studio: Studio, added: Entry, qtbot: QtBot) -> None:
    panel = panel_of(studio, qtbot)
    rows = [row for row in panel.list.models() if row.data(0, ENTRY).path == added.path]
    assert rows[0].toolTip(0).splitlines() == [
        "Tiny Pixelcnn",
        "Noise · 3 digits · 0.810 bits/dim",
        "8 x 6, 16 levels",
        str(added.path),
    ]


def test_the_quiet_line_tells_data_conditions_and_likelihood(studio: Studio, added: Entry) -> None:
    assert quiet_line(added.header) == "Noise · 3 digits · 0.810 bits/dim"
    assert quiet_line(studio.catalog.find(SOUND).header) == "Noise · 2 speakers · 3 digits"


def test_likelihood_is_told_per_dimension_of_an_image_and_per_sample_of_a_sound(
    studio: Studio, checkpoints: Path, tmp_path: Path
) -> None:
    path = tmp_path / "speaks.safetensors"
    shutil.copy(checkpoints / "checkpoints" / f"{SOUND}.safetensors", path)
    entry = Entry(update_header(path, likelihood={"test": {"bits_per_dim": 4.6}}), path, False, None, None, None)
    assert quiet_line(entry.header).endswith(" · 4.600 bits/sample")
    assert dict(facts(entry))["Measured, test part"] == "4.600 bits/sample"


def test_rows_are_as_high_as_the_width_of_the_list_asks_for(studio: Studio, added: Entry, qtbot: QtBot) -> None:
    panel = panel_of(studio, qtbot)
    row = items(panel)[IMAGE]

    def height() -> int:
        return panel.list.visualItemRect(row).height()

    panel.resize(300, 400)
    qtbot.wait(20)
    wide = height()
    panel.resize(LEAST_WIDTH, 400)
    qtbot.waitUntil(lambda: height() > wide)
    panel.resize(300, 400)
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
    delegate = ModelTree(studio).delegate
    pixmap = QPixmap(32, 32)
    pixmap.fill(DARK.panel)
    with QPainter(pixmap) as painter:
        delegate._paint_picture(painter, DARK, QRectF(0, 0, 32, 32), entry)
    image = pixmap.toImage()
    return {image.pixelColor(x, y).name() for x in range(32) for y in range(32)}


def test_a_model_of_an_unknown_modality_has_a_neutral_sign_a_heading_and_facts(studio: Studio, qtbot: QtBot) -> None:
    known = studio.catalog.find(IMAGE)
    entry = replace(known, header=replace(known.header, chain=MELODY), thumbnail=None)
    assert {DARK.chosen.name(), DARK.border.name()} <= signs(studio, entry)
    assert modality_title(entry.header) == "Melody"
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
    click(panel, qtbot, items(panel)[SOUND])
    assert studio.activity is Activity.LOADING
    assert panel.loading.isVisible()
    assert "Tiny Wavenet" in panel.loading_label.text()
    panel.cancel_button.click()
    assert studio.activity is Activity.EMPTY
    assert not panel.loading.isVisible()
    click(panel, qtbot, items(panel)[SOUND])
    qtbot.waitUntil(lambda: studio.activity is Activity.IDLE, timeout=20_000)
    assert not panel.loading.isVisible()
    assert chosen_model(studio) == SOUND


def test_the_arrows_move_open_and_close_and_return_chooses(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    masked, dilated = family(panel, "Masked convolution"), family(panel, "Dilated convolution")
    tree = panel.list
    tree.setFocus()

    def press(key: Qt.Key) -> QTreeWidgetItem | None:
        qtbot.keyClick(tree, key)
        return tree.currentItem()

    assert tree.currentItem() is items(panel)[IMAGE]
    assert press(Qt.Key.Key_Left) is masked
    assert press(Qt.Key.Key_Left) is masked
    assert not masked.isExpanded()
    assert press(Qt.Key.Key_Left) is masked.parent()
    press(Qt.Key.Key_Left)
    press(Qt.Key.Key_Minus)
    press(Qt.Key.Key_Return)
    assert shown(panel)[:2] == ["Images", "  Masked convolution"]  # a modality stays open
    assert press(Qt.Key.Key_Down) is masked
    assert press(Qt.Key.Key_Right) is masked
    assert masked.isExpanded()
    assert press(Qt.Key.Key_Right) is items(panel)[IMAGE]
    assert press(Qt.Key.Key_Down) is dilated.parent()
    assert press(Qt.Key.Key_Down) is dilated
    assert press(Qt.Key.Key_Return) is dilated
    assert not dilated.isExpanded()
    press(Qt.Key.Key_Return)
    assert press(Qt.Key.Key_Down) is items(panel)[SOUND]
    assert chosen_model(image_studio) == IMAGE
    press(Qt.Key.Key_Return)
    assert chosen_model(image_studio) == SOUND
    qtbot.waitUntil(lambda: image_studio.activity is Activity.IDLE, timeout=20_000)


def test_the_focus_leaves_a_family_that_is_closed_around_it(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    panel.open_all(False)
    assert shown(panel) == ["Images", "  Masked convolution", "Sound", "  Dilated convolution"]
    assert panel.list.currentItem() is family(panel, "Masked convolution")


def test_the_menu_key_asks_for_the_menu_of_the_row_that_has_the_focus(image_studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(image_studio, qtbot)
    asked: list[QTreeWidgetItem] = []
    panel.list.menu_asked.disconnect(panel._show_menu)
    panel.list.menu_asked.connect(lambda item, at: asked.append(item))
    event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(1, 1), QPoint(1, 1))
    panel.list.contextMenuEvent(event)
    assert asked == [items(panel)[IMAGE]]


def test_search_finds_by_every_word_and_says_when_nothing_matches(studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(studio, qtbot)
    panel.search.setText("SPEAKERS tiny")
    assert shown(panel) == ["Sound", "  Dilated convolution", "    Tiny Wavenet"]
    panel.search.setText("video")
    assert panel.pages.currentWidget() is panel.nothing
    assert "“video”" in panel.empty.text()
    panel.clear_button.click()
    assert panel.search.text() == ""
    assert len(shown(panel)) == 6


def test_escape_clears_a_search_and_else_is_the_windows(studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(studio, qtbot)
    heard: list[bool] = []
    stop = QShortcut(QKeySequence("Escape"), panel)
    stop.activated.connect(lambda: heard.append(True))
    panel.activateWindow()
    panel.search.setFocus()
    qtbot.waitUntil(panel.search.hasFocus)
    qtbot.keyClicks(panel.search, "tiny")
    qtbot.keyClick(panel.search, Qt.Key.Key_Escape)
    assert (panel.search.text(), heard) == ("", [])
    qtbot.keyClick(panel.search, Qt.Key.Key_Escape)
    assert heard == [True]


def test_search_finds_by_the_name_of_a_class(studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(studio, qtbot)
    panel.search.setText("ada")
    assert shown(panel) == ["Sound", "  Dilated convolution", "    Tiny Wavenet"]


def test_search_finds_by_the_year_of_a_family(studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(studio, qtbot)
    panel.search.setText(f"{family_of(items(panel)[SOUND].data(0, ENTRY).header).since} wavenet")
    assert shown(panel) == ["Sound", "  Dilated convolution", "    Tiny Wavenet"]


def test_a_model_that_is_chosen_elsewhere_is_shown_whatever_was_searched_for(studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(studio, qtbot)
    panel.search.setText("ada")
    load(studio, qtbot, IMAGE)
    assert panel.search.text() == ""
    assert not items(panel)[IMAGE].isHidden()


def test_a_search_stays_when_the_list_is_read_again(studio: Studio, qtbot: QtBot) -> None:
    load(studio, qtbot, IMAGE)
    panel = panel_of(studio, qtbot)
    panel.search.setText("ada")
    studio.catalog_changed.emit()
    assert panel.search.text() == "ada"


def test_a_search_opens_families_for_the_moment(studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(studio, qtbot)
    panel.open_all(False)
    closed = shown(panel)
    panel.search.setText("tiny")
    assert len(shown(panel)) == 6
    click(panel, qtbot, family(panel, "Masked convolution"))
    assert len(shown(panel)) == 5
    panel.search.clear()
    assert shown(panel) == closed
    assert studio.profile.get("families") == {"Images/Masked convolution": False, "Sound/Dilated convolution": False}


@pytest.fixture
def zoo(studio: Studio, tmp_path: Path) -> Studio:
    """Two models more: of bits without classes, and of colours."""
    made = {
        "bits": (ImageChain(GreyLevels(2), 4, 4), (), "MNIST, binarised"),
        "colours": (ImageChain(GreyLevels(16), 4, 4, 3), (DIGIT,), "CIFAR-10"),
    }
    for name, (chain, factors, data) in made.items():
        spec = ModelSpec("gated_pixelcnn", chain, factors, {"channels": 8, "head": 8, "dilations": [1]})
        model = network_class("gated_pixelcnn")(spec)
        path = tmp_path / f"{name}.safetensors"
        save_checkpoint(path, model, name=name, title=name, data={"title": data}, training={}, likelihood={})
        studio.catalog.add(path)
    return studio


def passing(panel: ModelsPanel) -> set[str]:
    return {name for name, item in items(panel).items() if not item.isHidden()}


@pytest.mark.parametrize(("text", "found"), [("colour", {"colours"}), ("binary", {"bits"})])
def test_search_finds_by_what_there_is_a_filter_for(zoo: Studio, qtbot: QtBot, text: str, found: set[str]) -> None:
    panel = panel_of(zoo, qtbot)
    panel.search.setText(text)
    assert passing(panel) == found


def test_chips_are_offered_for_what_tells_the_models_apart(zoo: Studio, qtbot: QtBot) -> None:
    panel = panel_of(zoo, qtbot)
    assert list(panel.filters.data) == ["CIFAR-10", "MNIST", "Noise"]
    assert list(panel.filters.traits) == ["binary", "conditional", "colour"]
    assert not panel.filters.isVisible()
    panel.filter_button.click()
    assert all(chip.isVisible() for chip in panel.filters.chips())


def test_models_of_one_kind_offer_nothing_to_filter_by(studio: Studio, qtbot: QtBot) -> None:
    panel = panel_of(studio, qtbot)
    assert panel.filters.chips() == []
    assert not panel.filter_button.isEnabled()


def test_a_model_passes_with_one_of_the_data_sets_and_all_of_the_traits(zoo: Studio, qtbot: QtBot) -> None:
    panel = panel_of(zoo, qtbot)
    data, traits = panel.filters.data, panel.filters.traits
    data["MNIST"].click()
    assert passing(panel) == {"bits"}
    data["CIFAR-10"].click()
    assert passing(panel) == {"bits", "colours"}
    traits["conditional"].click()
    assert passing(panel) == {"colours"}
    traits["binary"].click()
    assert passing(panel) == set()
    assert panel.pages.currentWidget() is panel.nothing
    assert panel.empty.text() == "No model passes these filters."
    panel.search.setText("x")
    assert panel.empty.text() == "Nothing matches “x” with these filters."
    panel.clear_button.click()
    assert len(passing(panel)) == 4
    traits["colour"].click()
    assert passing(panel) == {"colours"}


def test_folded_only_the_filters_that_are_on_stay_in_view(zoo: Studio, qtbot: QtBot) -> None:
    panel = panel_of(zoo, qtbot)
    chip = panel.filters.data["MNIST"]
    panel.filter_button.click()
    chip.click()
    panel.filter_button.click()
    assert [other.text() for other in panel.filters.chips() if other.isVisible()] == ["MNIST"]
    chip.click()
    assert not panel.filters.isVisible()


def remove(panel: ModelsPanel, qtbot: QtBot, name: str) -> None:
    entry = panel.studio.catalog.listed_as(name)
    assert entry is not None
    with qtbot.waitSignal(panel.studio.catalog_changed):
        panel.studio.opening.remove_model(entry.path)


def test_filters_stay_on_while_there_are_models_for_them(zoo: Studio, qtbot: QtBot) -> None:
    panel = panel_of(zoo, qtbot)
    panel.filters.data["MNIST"].click()
    remove(panel, qtbot, "colours")
    assert "CIFAR-10" not in panel.filters.data
    assert passing(panel) == {"bits"}
    remove(panel, qtbot, "bits")
    assert passing(panel) == {IMAGE, SOUND}


def test_chips_stand_within_the_panel_at_every_width(zoo: Studio, qtbot: QtBot) -> None:
    panel = panel_of(zoo, qtbot)
    panel.filter_button.click()
    for width in (LEAST_WIDTH, 300):
        panel.resize(width, 400)
        qtbot.wait(20)
        areas = [chip.geometry() for chip in panel.filters.chips()]
        assert all(panel.filters.rect().contains(area) for area in areas)
        assert not any(one.intersects(other) for one in areas for other in areas if one is not other)


def test_an_empty_catalog_says_how_to_get_a_model(studio: Studio, qtbot: QtBot, tmp_path: Path) -> None:
    studio.catalog.shipped = tmp_path / "nothing"
    studio.catalog.entries()
    panel = panel_of(studio, qtbot)
    assert panel.pages.currentWidget() is panel.nothing
    assert not panel.clear_button.isVisible()
    assert "checkpoint" in panel.empty.text()


def test_an_added_model_appears_and_can_be_removed(studio: Studio, qtbot: QtBot, added: Entry) -> None:
    panel = panel_of(studio, qtbot)
    assert added.path in [item.data(0, ENTRY).path for item in panel.list.models()]
    with qtbot.waitSignal(studio.catalog_changed):
        studio.opening.remove_model(added.path)
    assert len(panel.list.models()) == 2
    assert added.path.exists()


def test_the_card_tells_the_facts_of_the_header(added: Entry) -> None:
    told = dict(facts(added))
    assert told["Factorisation"] == (
        "p(x | digit) = ∏<sub>i = 0</sub><sup>47</sup> p(x<sub>i</sub> | x<sub>&lt;&nbsp;i</sub>, digit)"
    )
    assert told["Measured, test part"].startswith("0.810 ± 0.004 bits/dim")
    assert "10\u202f000 examples" in told["Measured, test part"]
    assert told["Training time"] == "2 h 14 min"
    assert told["Command"] == "<code>train &lt;mine&gt;</code>"
    assert told["Licence of the data"] == "none"
    assert told["Condition: digit"] == "0, 1, 2, or any"


def test_what_was_measured_and_how_is_told_in_words(added: Entry) -> None:
    parts = ("valid", "valid, given its own code", "test, given its own code", "test, digit any")
    header = update_header(added.path, likelihood={part: {"bits_per_dim": 1.0} for part in parts})
    told = [name for name, _ in facts(replace(added, header=header)) if name.startswith("Measured")]
    assert told == [
        "Measured, test part, digit any",
        "Measured, test part, given its own code",
        "Measured, validation part",
        "Measured, validation part, given its own code",
    ]


def test_an_open_chain_has_no_last_factor(studio: Studio) -> None:
    header = studio.catalog.find(SOUND).header
    assert factorisation(header).startswith("p(x | speaker, digit) = ∏<sub>i ≥ 0</sub>")


def test_a_training_record_of_another_kind_is_left_out(added: Entry) -> None:
    update_header(added.path, training={"steps": "many", "seconds": None, "command": ["a"]})
    told = dict(facts(Entry(update_header(added.path), added.path, False, None, None, None)))
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
