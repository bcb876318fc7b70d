"""The window, driven as a user drives it: mouse, keyboard, menus, closing and killing."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QAction, QDropEvent, QGuiApplication, QImage
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel, QLineEdit, QMenu, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from models.catalog import Catalog
from models.files import export
from models.tensor_file import Check
from models.trace import Take
from studio.app import MainWindow, first_model, show_appearance, start
from studio.canvas.demo import idle_studio
from studio.clipboard import copy_picture, mime_data
from studio.looking import Pointer
from studio.messages import Refused
from studio.panels.history import ENTRY
from studio.profile import Profile
from studio.reading import Show
from studio.shortcuts import shortcuts_html
from studio.state import Activity, Studio
from studio.theme import DARK, LIGHT, apply_theme, colours
from tests.studio.conftest import IMAGE, SOUND, chosen_model, finish, load, open_model

KEY = Qt.Key


@pytest.fixture
def open_window(qtbot: QtBot, make_studio: Callable[[], Studio]) -> Iterator[Callable[[str], MainWindow]]:
    opened: list[MainWindow] = []

    def open_(model: str) -> MainWindow:
        window = MainWindow(make_studio())
        window.restore_layout()
        window.show()
        opened.append(window)
        qtbot.waitExposed(window)
        load(window.studio, qtbot, model)
        return window

    yield open_
    for window in opened:
        window.close()
        window.deleteLater()


@pytest.fixture
def window(open_window: Callable[[str], MainWindow]) -> MainWindow:
    return open_window(IMAGE)


def press(qtbot: QtBot, window: MainWindow, key: KEY, modifier: Qt.KeyboardModifier | None = None) -> None:
    target = window.focusWidget() or window
    qtbot.keyClick(target, key, modifier or Qt.KeyboardModifier.NoModifier)


def trigger(window: MainWindow, name: str) -> None:
    """A menu entry by its text."""
    actions = [a for menu in window.menuBar().actions() for a in menu.menu().actions()]  # type: ignore[union-attr]
    (action,) = [a for a in actions if a.text().replace("&", "") == name]
    assert action.isEnabled(), f"{name} is not enabled"
    action.trigger()


def fast(window: MainWindow) -> None:
    window.studio.change("pace", pace=math.inf)


def drawn(window: MainWindow, qtbot: QtBot) -> Take:
    """A whole take, drawn as fast as it can be."""
    fast(window)
    window.studio.begin()
    finish(window.studio, qtbot)
    take = window.studio.take
    assert take is not None
    return take


def test_a_click_on_the_main_button_generates_pauses_and_resumes(window: MainWindow, qtbot: QtBot) -> None:
    studio, button = window.studio, window.transport.main_button
    studio.change("pace", pace=30.0)
    place = button.geometry()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: studio.frontier >= 3)
    assert "Pause" in button.text()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not studio.running)
    assert "Resume" in button.text()
    fast(window)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    finish(studio, qtbot)
    assert "Generate" in button.text()
    assert button.geometry() == place


def test_after_a_click_on_a_slider_or_a_button_the_keys_still_step(window: MainWindow, qtbot: QtBot) -> None:
    studio = window.studio
    drawn(window, qtbot)
    temperature = window.sampling_panel.temperature.slider
    for clicked in (temperature, window.sampling_panel.neutral_button, window.transport.start_button):
        qtbot.mouseClick(clicked, Qt.MouseButton.LeftButton)
    shaping = studio.settings.shaping  # type: ignore[union-attr]
    press(qtbot, window, KEY.Key_Home)
    press(qtbot, window, KEY.Key_Right)
    assert studio.looking.cursor == 1
    assert studio.settings.shaping == shaping  # type: ignore[union-attr]


def test_arrows_in_the_list_of_overlays_choose_one_and_step_nothing(window: MainWindow, qtbot: QtBot) -> None:
    drawn(window, qtbot)
    cursor, box = window.studio.looking.cursor, window.transport.overlay_box
    box.setFocus()
    qtbot.waitUntil(box.hasFocus)
    qtbot.keyClick(box, KEY.Key_Down)
    assert window.studio.overlay == "entropy"
    box.showPopup()
    qtbot.keyClick(box.view(), KEY.Key_Down)
    qtbot.keyClick(box.view(), KEY.Key_Return)
    assert window.studio.overlay == "surprise"
    assert window.studio.looking.cursor == cursor


def test_arrows_in_an_open_menu_move_between_menus(window: MainWindow, qtbot: QtBot) -> None:
    studio = window.studio
    drawn(window, qtbot)
    window.timeline.setFocus()
    studio.looking.move_cursor(5)
    file, edit = (action.menu() for action in window.menuBar().actions()[:2])
    window.menuBar().setActiveAction(window.menuBar().actions()[0])
    qtbot.waitUntil(file.isVisible)  # type: ignore[union-attr]
    qtbot.keyClick(file, KEY.Key_Down)
    qtbot.keyClick(file, KEY.Key_Right)
    assert studio.looking.cursor == 5
    qtbot.waitUntil(edit.isVisible)  # type: ignore[union-attr]
    edit.close()  # type: ignore[union-attr]


def test_after_a_click_in_the_history_delete_deletes_and_after_generate_the_keys_step(
    window: MainWindow, qtbot: QtBot
) -> None:
    studio, view = window.studio, window.history.view
    drawn(window, qtbot)
    qtbot.waitUntil(lambda: window.history.model.rowCount() == 1)
    studio.begin()
    finish(studio, qtbot)
    qtbot.waitUntil(lambda: window.history.model.rowCount() == 2)
    oldest = window.history.model.index(1)
    took = oldest.data(ENTRY).id
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=view.visualRect(oldest).center())
    qtbot.waitUntil(lambda: studio.take is not None and studio.take.id == took)
    press(qtbot, window, KEY.Key_Delete)
    assert [entry.id for entry in studio.profile.history()] != []
    assert took not in [entry.id for entry in studio.profile.history()]
    assert view.hasFocus()
    studio.begin()
    finish(studio, qtbot)
    press(qtbot, window, KEY.Key_Home)
    assert studio.looking.cursor == 0


def test_keys_play_pause_and_step(window: MainWindow, qtbot: QtBot) -> None:
    studio = window.studio
    drawn(window, qtbot)
    window.timeline.setFocus()
    press(qtbot, window, KEY.Key_Home)
    assert studio.looking.cursor == 0
    press(qtbot, window, KEY.Key_Right)
    press(qtbot, window, KEY.Key_Right)
    press(qtbot, window, KEY.Key_Left)
    assert studio.looking.cursor == 1
    press(qtbot, window, KEY.Key_Down)
    assert studio.looking.cursor == 6
    press(qtbot, window, KEY.Key_End)
    assert studio.looking.following
    studio.looking.move_cursor(0)
    studio.change("pace", pace=30.0)
    press(qtbot, window, KEY.Key_Space)
    assert studio.activity is Activity.REPLAYING
    qtbot.waitUntil(lambda: studio.looking.cursor >= 2)
    press(qtbot, window, KEY.Key_Escape)
    assert studio.activity is Activity.IDLE


def test_edit_undo_and_switch_branch_from_the_window(window: MainWindow, qtbot: QtBot) -> None:
    studio = window.studio
    take = drawn(window, qtbot)
    studio.looking.move_cursor(9)
    trigger(window, "New noise from here")
    finish(studio, qtbot)
    assert take.samples[0].current == 1
    press(qtbot, window, KEY.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert take.samples[0].current == 0
    press(qtbot, window, KEY.Key_Y, Qt.KeyboardModifier.ControlModifier)
    assert take.samples[0].current == 1


def test_a_dropped_file_is_shown_and_a_foreign_one_is_complained_about(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    studio = window.studio
    saved = drawn(window, qtbot)
    export(tmp_path / "a.png", saved)
    studio.delete_take(saved.id)
    drop(window, tmp_path / "a.png")
    qtbot.waitUntil(lambda: studio.take is not None)
    assert np.array_equal(studio.take.traces[0].symbols, saved.traces[0].symbols)  # type: ignore[union-attr]
    (tmp_path / "b.png").write_bytes(b"no picture")
    drop(window, tmp_path / "b.png")
    qtbot.waitUntil(lambda: window.banner.isVisible())
    assert "b.png is not a .png file" in window.banner.full.replace("\n", " ")
    drop(window, tmp_path / "a.png")
    qtbot.waitUntil(lambda: not window.banner.isVisible())


def test_the_first_start_chooses_the_model_to_begin_with_and_later_ones_the_last(tmp_path: Path) -> None:
    studio = idle_studio(tmp_path)
    assert first_model(studio) is None
    studio.catalog = Catalog()
    assert studio.catalog.entries()[0].header.name != "gated-pixelcnn-mnist"
    assert first_model(studio) == "gated-pixelcnn-mnist"
    studio.profile.set("model", "wavenet-fsdd")
    assert first_model(studio) == "wavenet-fsdd"
    studio.profile.set("model", "gone")
    assert first_model(studio) == "gated-pixelcnn-mnist"
    studio.close()


def test_what_is_said_of_one_take_does_not_stand_beside_another(window: MainWindow, qtbot: QtBot) -> None:
    drawn(window, qtbot)
    window.studio.reproduce()
    qtbot.waitUntil(lambda: window.message_label.text().startswith("Reproduced"))
    window.studio.begin()
    assert window.message_label.text() == ""


def test_what_is_said_for_good_of_a_take_is_over_when_that_is_changed(window: MainWindow, qtbot: QtBot) -> None:
    drawn(window, qtbot)
    window.studio.reproduce()
    qtbot.waitUntil(lambda: window.message_label.text().startswith("Reproduced"))
    assert not window._message_timer.isActive()
    window.studio.editing.put_value(1, Pointer(0, 3))
    assert window.message_label.text() == ""


def test_why_there_is_no_sound_is_not_said_over_images(window: MainWindow, qtbot: QtBot) -> None:
    window._show_sound_reason("")
    window.studio.loading.choose(SOUND)
    window._show_sound_reason("No sound: nobody has ears.")
    assert window.banner.isVisible()
    window.studio.loading.choose(IMAGE)
    assert not window.banner.isVisible()


def test_why_there_is_no_sound_is_not_said_any_more_once_there_is_and_again_when_it_is_lost_again(
    window: MainWindow,
) -> None:
    window._show_sound_reason("")
    window.studio.loading.choose(SOUND)
    for _ in range(2):
        window._show_sound_reason("No sound: nobody has ears.")
        assert window.banner.isVisible()
        window._show_sound_reason("")
        assert not window.banner.isVisible()


def test_why_there_is_no_sound_is_not_said_over_an_image_of_the_history(window: MainWindow, qtbot: QtBot) -> None:
    image = drawn(window, qtbot)
    load(window.studio, qtbot, SOUND)
    drawn(window, qtbot)
    window._show_sound_reason("")
    window._show_sound_reason("No sound: nobody has ears.")
    assert window.banner.isVisible()
    window.studio.opening.open_history(image.id)
    qtbot.waitUntil(lambda: window.studio.take is image)
    assert not window.banner.isVisible()


def test_a_single_sample_of_several_says_which_it_was(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    window.studio.change("several", count=3, seed=7, seed_locked=True)
    saved = drawn(window, qtbot)
    assert window.model_label.text().endswith("seed 7")
    export(tmp_path / "third.png", saved, samples=[2])
    drop(window, tmp_path / "third.png")
    qtbot.waitUntil(lambda: window.model_label.text().endswith("seed 7, sample 2"))


def drop(window: MainWindow, path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    window.dropEvent(
        QDropEvent(
            QPointF(10, 10),
            Qt.DropAction.CopyAction,
            data,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
    )


def test_copy_puts_the_exact_image_and_the_exact_command_on_the_clipboard(window: MainWindow, qtbot: QtBot) -> None:
    studio = window.studio
    drawn(window, qtbot)
    trigger(window, "Copy")
    image = QGuiApplication.clipboard().image()
    assert (image.width(), image.height()) == (6, 8)
    trace, chain = studio.trace, studio.chain
    assert trace is not None
    expected = chain.image(trace.symbols)  # type: ignore[union-attr]
    assert [image.pixelColor(x, 3).red() for x in range(6)] == expected[3].tolist()
    trigger(window, "Copy as command line")
    command = QGuiApplication.clipboard().text()
    assert command.startswith("sampling-studio sample tiny-pixelcnn")
    assert f"--seed {trace.schedule[0].seed}" in command


def test_a_copied_picture_is_pasted_as_the_take_that_it_shows(window: MainWindow, qtbot: QtBot) -> None:
    studio = window.studio
    fast(window)
    studio.change("count", count=3)
    studio.begin()
    finish(studio, qtbot)
    studio.looking.select(2)
    trace = studio.trace
    assert trace is not None
    trigger(window, "Copy")
    trigger(window, "Paste")
    qtbot.waitUntil(lambda: studio.take is not None and len(studio.take.samples) == 1)
    assert studio.trace is not None
    assert np.array_equal(studio.trace.symbols, trace.symbols)
    assert studio.trace.schedule == trace.schedule


def test_a_copied_file_is_pasted_and_anything_else_is_not(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    studio = window.studio
    take = drawn(window, qtbot)
    export(tmp_path / "a.npz", take)
    studio.delete_take(take.id)
    data = mime_data()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path / "a.npz"))])
    QGuiApplication.clipboard().setMimeData(data)
    trigger(window, "Paste")
    qtbot.waitUntil(lambda: studio.take is not None)
    QGuiApplication.clipboard().setText("a word")
    with qtbot.waitSignal(studio.worker.failed, raising=False, timeout=100) as complaint:
        trigger(window, "Paste")
    assert not complaint.signal_triggered
    assert "nothing on the clipboard" in window.message_label.text()


def test_a_picture_of_another_program_is_said_to_be_the_one_on_the_clipboard(window: MainWindow, qtbot: QtBot) -> None:
    content, picture = BytesIO(), QImage(6, 6, QImage.Format.Format_Grayscale8)
    Image.new("L", (6, 6)).save(content, "PNG")
    copy_picture(picture, content.getvalue())
    trigger(window, "Paste")
    qtbot.waitUntil(window.banner.isVisible)
    assert window.banner.full.startswith("the picture on the clipboard has no Sampling Studio metadata")
    said = window.banner.full
    window.banner.hide()
    QGuiApplication.clipboard().setImage(picture)  # as no file
    trigger(window, "Paste")
    assert window.banner.isVisible()
    assert window.banner.full == said


@pytest.mark.parametrize("length", [60, 90, 250])
def test_no_error_widens_the_window(window: MainWindow, qtbot: QtBot, length: int) -> None:
    window.resize(1280, 720)
    qtbot.waitUntil(lambda: window.width() == 1280)
    name = "x" * length + ".png"
    window.studio.error.emit(f"cannot read /home/user/{name}: there is no such file or folder")
    qtbot.wait(50)
    assert (window.width(), window.height()) == (1280, 720)
    assert window.banner.text().startswith("cannot read /home/user/x")
    assert window.banner.text().endswith("x.png: there is no such file or folder")


def test_the_open_dialog_begins_where_it_was_the_last_time(
    open_window: Callable[[str], MainWindow], qtbot: QtBot, tmp_path: Path
) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"no picture")
    window = open_window(IMAGE)
    open_in_dialog(window, folder / "a.png")
    window.close()
    again = open_window(IMAGE)
    assert open_in_dialog(again, None) == folder
    (folder / "a.png").unlink()
    folder.rmdir()
    assert open_in_dialog(again, None) == Path.home()


def open_in_dialog(window: MainWindow, path: Path | None) -> Path:
    """Chooses a file in Open…, or cancels; returns the folder that the dialog began in."""
    folders: list[Path] = []

    def act() -> None:
        top = QApplication.activeModalWidget()
        if not isinstance(top, QFileDialog) or folders:
            return
        folders.append(Path(top.directory().absolutePath()))
        if path is None:
            top.reject()
            return
        field = top.findChild(QLineEdit)
        assert isinstance(field, QLineEdit)
        field.setText(str(path))
        QTimer.singleShot(0, top.accept)

    timer = QTimer(window, interval=20)
    timer.timeout.connect(act)
    timer.start()
    trigger(window, "Open…")
    timer.stop()
    return folders[0]


def test_docks_can_be_closed_and_the_layout_reset_and_it_is_remembered(
    open_window: Callable[[str], MainWindow], qtbot: QtBot
) -> None:
    window = open_window(IMAGE)
    window.docks[0].close()
    window.docks[2].setFloating(True)
    window.close()
    again = open_window(IMAGE)
    assert not again.docks[0].isVisible()
    again.reset_layout()
    assert all(dock.isVisible() and not dock.isFloating() for dock in again.docks)


def test_the_settings_keep_their_height_when_the_window_changes(window: MainWindow, qtbot: QtBot) -> None:
    """As the user, or the layout, gave it: the curve above them gives way."""
    curve, settings = window.docks[2:4]

    def heights(*sizes: tuple[int, int]) -> list[int]:
        found = []
        for size in sizes:
            window.resize(*size)
            qtbot.wait(30)
            found.append(settings.height())
        return found

    window.resize(1440, 900)
    window.reset_layout()
    qtbot.wait(30)
    whole = settings.height()
    assert heights((1280, 720), (1440, 900)) == [whole, whole]
    assert heights((1152, 560), (1440, 900))[-1] == whole  # though there was no room for it
    window.resizeDocks([curve, settings], [curve.height() + 60, whole - 60], Qt.Orientation.Vertical)
    qtbot.wait(30)
    assert heights((1280, 720), (1440, 900)) == [whole - 60, whole - 60]


def test_a_layout_that_was_squeezed_into_a_small_screen_spoils_no_other(checkpoints: Path, tmp_path: Path) -> None:
    code = IN_A_PROCESS + (
        "if len(sys.argv) > 2:\n"
        "    window.resizeDocks(window.docks[:1], [int(sys.argv[2])], Qt.Orientation.Horizontal)\n"
        "    app.processEvents()\n"
        "print(window.docks[0].width())\n"
        "window.close()\n"
    )

    screen = {"name": "screen", "x": 0, "y": 0, "width": 1920, "height": 1200, "dpr": 1, "logicalDpi": 96}
    (tmp_path / "screens.json").write_text(json.dumps({"screens": [{**screen, "logicalBaseDpi": 96}]}))
    place = {
        "SAMPLING_STUDIO_PROFILE": str(tmp_path / "p"),
        "QT_QPA_PLATFORM": f"offscreen:configfile={tmp_path / 'screens.json'}",
    }

    def width(scale: str, *given: str) -> int:
        return int(
            subprocess.run(
                [sys.executable, "-c", code, str(checkpoints), *given],
                env={**os.environ, **place, "QT_SCALE_FACTOR": scale},
                stdout=subprocess.PIPE,
                timeout=100,
                check=True,
            ).stdout
        )

    assert width("1", "280") == 280
    assert width("2") < 280, "squeezed"
    assert width("1") == 280


def test_light_or_dark_is_chosen_in_the_menu_at_once_and_remembered(
    open_window: Callable[[str], MainWindow], qapp: QApplication
) -> None:
    def choices(window: MainWindow) -> dict[str, QAction]:
        (menu,) = [m for m in window.findChildren(QMenu) if m.title() == "&Appearance"]
        return {action.text().replace("&", ""): action for action in menu.actions()}

    window = open_window(IMAGE)
    shown = choices(window)
    assert [name for name, action in shown.items() if action.isChecked()] == ["System"]
    try:
        for name, theme in (("Light", LIGHT), ("Dark", DARK), ("System", DARK), ("Light", LIGHT)):
            shown[name].trigger()
            assert [n for n, action in shown.items() if action.isChecked()] == [name]
            assert colours(window) is colours(window.sampling_panel) is theme
        window.close()
        again = open_window(IMAGE)
        assert choices(again)["Light"].isChecked()
        apply_theme(qapp)
        show_appearance(again.studio.profile)
        assert colours(again) is LIGHT
    finally:
        apply_theme(qapp, DARK)


def test_switching_between_modalities_switches_the_canvas(window: MainWindow, qtbot: QtBot) -> None:
    first = window.stack.currentWidget()
    load(window.studio, qtbot, SOUND)
    assert window.stack.currentWidget() is not first
    load(window.studio, qtbot, IMAGE)
    assert window.stack.currentWidget() is first


def test_sound_is_generated_and_played_to_its_end_with_or_without_a_device(
    open_window: Callable[[str], MainWindow], qtbot: QtBot
) -> None:
    window = open_window(SOUND)
    studio = window.studio
    heads: list[object] = []
    window.sound.playhead_moved.connect(heads.append)
    studio.change("longest", limit=1600, seed=3, seed_locked=True)
    trigger(window, "Generate")
    finish(studio, qtbot)
    qtbot.waitUntil(lambda: bool(heads) and heads[-1] is None, timeout=5000)
    press(qtbot, window, KEY.Key_Space)
    assert studio.activity is Activity.REPLAYING
    qtbot.waitUntil(lambda: studio.activity is Activity.IDLE, timeout=5000)


def test_the_keys_of_sounds_loop_what_is_in_view_and_switch_between_two_clips(
    open_window: Callable[[str], MainWindow], qtbot: QtBot
) -> None:
    window = open_window(SOUND)
    studio = window.studio
    assert not any(action.isEnabled() for action in window.sound_actions)
    studio.change("short", limit=400, count=2)
    drawn(window, qtbot)
    window.canvas.setFocus()
    press(qtbot, window, KEY.Key_L)
    assert studio.listening.loop is not None
    assert studio.listening.loop.start == 0
    press(qtbot, window, KEY.Key_L, Qt.KeyboardModifier.ShiftModifier)
    assert studio.listening.loop is None
    press(qtbot, window, KEY.Key_B, Qt.KeyboardModifier.ControlModifier)
    studio.looking.select(1)
    press(qtbot, window, KEY.Key_B)
    assert (studio.looking.selected, studio.listening.shows_b) == (0, True)
    press(qtbot, window, KEY.Key_B)
    assert studio.looking.selected == 1
    shown = studio.spectrum.shown
    press(qtbot, window, KEY.Key_S, Qt.KeyboardModifier.AltModifier)
    assert studio.spectrum.shown is not shown
    assert window.spectrogram_action.isChecked() is not shown


def test_every_shortcut_is_listed_and_none_is_given_twice(window: MainWindow) -> None:
    html = shortcuts_html(window)
    keys = [
        a.shortcut().toString()
        for menu in window.menuBar().actions()
        for a in menu.menu().actions()  # type: ignore[union-attr]
        if not a.shortcut().isEmpty()
    ]
    assert len(keys) == len(set(keys))
    assert {"Space", "Ctrl+Z", "Left", "Right", "Home", "End"} <= set(keys)
    assert all(key in html for key in ("Space", "Home", "Drag along the timeline"))


def test_nothing_is_cut_off_at_1280_by_720(window: MainWindow, qtbot: QtBot) -> None:
    window.resize(1280, 720)
    qtbot.wait(50)
    assert (window.width(), window.height()) == (1280, 720)
    for label in window.transport.findChildren(QLabel):
        if label.isVisible() and label.text():
            assert label.width() >= label.fontMetrics().horizontalAdvance(label.text().split("\n")[0]) - 2, label.text()


def test_controls_have_accessible_names(window: MainWindow) -> None:
    from PySide6.QtWidgets import QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit, QScrollBar

    for kind in (QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit):
        for control in window.centralWidget().findChildren(kind):
            named = control.accessibleName() or getattr(control, "text", lambda: "")()
            assert isinstance(control, QScrollBar) or inside_spin_box(control) or named, control


def inside_spin_box(control: QWidget) -> bool:
    return control.objectName() == "qt_spinbox_lineedit"


def test_fast_clicks_in_odd_orders_do_no_harm(window: MainWindow, qtbot: QtBot) -> None:
    studio = window.studio
    rng = np.random.default_rng(1)
    actions: list[Callable[[], object]] = [
        studio.generate,
        studio.begin,
        studio.play,
        studio.pause,
        studio.stop,
        studio.looking.follow,
        studio.editing.new_noise,
        studio.undo_stack.undo_in_turn,
        studio.undo_stack.redo_in_turn,
        studio.reproduce,
        lambda: studio.step_by(int(rng.integers(-5, 6))),
        lambda: studio.step_stride(int(rng.integers(-2, 3))),
        lambda: studio.looking.move_cursor(int(rng.integers(0, 60))),
        lambda: studio.editing.put_value(int(rng.integers(0, 16))),
        lambda: studio.change("count", count=int(rng.integers(1, 9))),
        lambda: studio.reshape(temperature=float(rng.uniform(0, 2))),
        lambda: studio.change("pace", pace=float(rng.choice([50.0, 500.0, math.inf]))),
        lambda: studio.loading.choose(str(rng.choice([IMAGE, SOUND]))),
        lambda: studio.set_overlay(str(rng.choice(["none", "entropy", "surprise"]))),
    ]
    complaints: list[str] = []
    studio.error.connect(complaints.append)
    for _ in range(300):
        actions[int(rng.integers(len(actions)))]()
        if rng.random() < 0.3:
            qtbot.wait(int(rng.integers(0, 12)))
    assert not [c for c in complaints if "went wrong" in c]
    studio.stop()
    qtbot.waitUntil(lambda: studio.activity in (Activity.IDLE, Activity.EMPTY), timeout=10_000)
    load(studio, qtbot, IMAGE) if chosen_model(studio) != IMAGE else None
    drawn(window, qtbot)


def test_pause_takes_effect_within_a_tenth_of_a_second(window: MainWindow, qtbot: QtBot) -> None:
    studio = window.studio
    studio.change("speed", pace=math.inf, engine="reference", count=16)
    studio.begin()
    qtbot.waitUntil(lambda: studio.frontier >= 2)
    asked = time.monotonic()
    studio.pause()
    qtbot.waitUntil(lambda: not studio.running)
    assert time.monotonic() - asked < 1.0  # a loaded machine's allowance; the bench measures the rest


IN_A_PROCESS = """
import sys
from pathlib import Path
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication
from models.catalog import Catalog
from studio.app import MainWindow
from studio.inference import InferenceThread
from studio.profile import Profile
from studio.looking import Pointer
from studio.state import Studio
app = QApplication([])
profile = Profile()
worker = InferenceThread(profile.save_take)
catalog = Catalog(Path(sys.argv[1]), user=profile.folder)
catalog.entries()
studio = Studio(catalog, profile, worker)
window = MainWindow(studio)
window.restore_layout()
window.show()
app.processEvents()
"""


def test_no_package_is_imported_by_the_window_and_by_the_inference_thread_at_once() -> None:
    """Packages whose modules import one another do not survive that; those of Python itself do."""
    code = (
        "import sys, studio.app\n"
        "before = set(sys.modules)\n"
        "import {}\n"
        "print(*{{name.split('.')[0] for name in set(sys.modules) - before}} - sys.stdlib_module_names)\n"
    )
    sides = ("studio.canvas.sound", "torch, numba, models.checkpoint, models.sampling")
    runs = [
        subprocess.Popen([sys.executable, "-c", code.format(side)], stdout=subprocess.PIPE, text=True) for side in sides
    ]
    window, thread = (set(run.communicate(timeout=100)[0].split()) for run in runs)
    assert "pyqtgraph" in window
    assert {"torch", "numba"} <= thread
    assert window & thread <= {"__mp_main__", "models", "studio"}


def test_a_copied_picture_does_not_crash_the_end_of_the_program(checkpoints: Path) -> None:
    """Some clipboards live longer than Python."""
    code = IN_A_PROCESS + (
        "from PySide6.QtGui import QImage\n"
        "from studio.clipboard import copy_picture, pasted\n"
        "copy_picture(QImage(2, 2, QImage.Format.Format_RGB32), b'a file')\n"
        "assert pasted() == b'a file'\n"
        "window.close()\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(checkpoints)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_window_is_there_before_torch_is_imported(checkpoints: Path) -> None:
    code = IN_A_PROCESS + (
        "assert window.isVisible()\n"
        "late = [m for m in ('torch', 'numba', 'sounddevice') if m in sys.modules]\n"
        "window.close()\n"
        "sys.exit(f'imported too early: {late}' if late else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(checkpoints)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_what_was_made_survives_a_kill(checkpoints: Path, tmp_path: Path) -> None:
    code = IN_A_PROCESS + (
        "worker.start()\n"
        "studio.loading.choose('tiny-pixelcnn')\n"
        "def begin():\n"
        "    if studio.loaded is None: return QTimer.singleShot(50, begin)\n"
        "    studio.change('pace', pace=8.0); studio.begin()\n"
        "begin()\n"
        "studio.worker.saved.connect(lambda take: print('saved', flush=True))\n"
        "app.exec()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(checkpoints)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "saved"
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()  # type: ignore[union-attr]
    profile = Profile(Path(os.environ["SAMPLING_STUDIO_PROFILE"]))
    assert profile.lock(), "the lock of a killed program must not keep the next one out"
    (entry,) = profile.history()
    assert 3 <= entry.steps < 48
    assert not entry.finished
    assert profile.load_take(entry.id).traces[0].symbols.size == entry.steps
    profile.close()


def test_a_second_program_on_the_same_profile_is_kept_out(tmp_path: Path) -> None:
    first, second = Profile(tmp_path / "p"), Profile(tmp_path / "p")
    assert first.lock()
    assert not second.lock()
    first.close()
    assert second.lock()
    second.close()


def test_the_lens_shows_the_point_clicked(window: MainWindow, qtbot: QtBot) -> None:
    """A click on the canvas pins the pixel under it, and the inspector looks at it."""
    studio = window.studio
    drawn(window, qtbot)
    canvas = window.stack.currentWidget()
    heard: list[object] = []
    studio.inspection.answered.connect(heard.append)
    place = QPoint(canvas.width() // 2, canvas.height() // 2 - 20)
    target = canvas.childAt(place) or canvas
    qtbot.mouseMove(target, target.mapFrom(canvas, place))
    qtbot.mouseClick(target, Qt.MouseButton.LeftButton, pos=target.mapFrom(canvas, place))
    assert studio.looking.pinned is not None
    qtbot.waitUntil(lambda: bool(heard) and heard[-1].step == studio.looking.pinned.step)  # type: ignore[attr-defined, union-attr]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_closes_the_window_as_its_button_does(kind: signal.Signals, tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-m", "studio"], stderr=subprocess.PIPE, text=True)
    try:
        folder = Path(os.environ["SAMPLING_STUDIO_PROFILE"])
        deadline = time.monotonic() + 30
        while not (folder / "settings.json").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(kind)
        _, complaints = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, complaints
    assert "Traceback" not in complaints
    assert not (folder / "lock").exists()
    assert (folder / "window.ini").exists()


def test_the_program_starts_on_a_saved_sample_and_on_a_broken_checkpoint_all_the_same(
    make_studio: Callable[[], Studio], qtbot: QtBot, checkpoints: Path, tmp_path: Path
) -> None:
    first = make_studio()
    load(first, qtbot, SOUND)
    first.change("pace", pace=math.inf)
    first.begin()
    finish(first, qtbot)
    export(tmp_path / "a.wav", first.take)  # type: ignore[arg-type]
    load(first, qtbot, IMAGE)
    second = make_studio()
    start(second, tmp_path / "a.wav")
    qtbot.waitUntil(lambda: second.take is not None and second.loaded is not None, timeout=20_000)
    assert chosen_model(second) == SOUND
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes((checkpoints / "checkpoints" / f"{IMAGE}.safetensors").read_bytes()[:-4] + b"\0\0\xc0\x7f")  # NaN
    third = make_studio()
    with qtbot.waitSignal(third.error):
        start(third, bad)
    qtbot.waitUntil(lambda: third.loaded is not None, timeout=20_000)
    assert third.entry is not None
    assert third.entry.shipped


def test_a_model_of_the_last_time_that_no_longer_loads_gives_way_to_one_that_came_along(
    make_studio: Callable[[], Studio], qtbot: QtBot, checkpoints: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.safetensors"
    whole = (checkpoints / "checkpoints" / f"{IMAGE}.safetensors").read_bytes()
    mine.write_bytes(whole)
    first = make_studio()
    open_model(first, qtbot, mine)
    first.close()
    mine.write_bytes(whole[:-4] + b"\0\0\xc0\x7f")  # NaN
    second = make_studio()
    with qtbot.waitSignal(second.error) as complaint:
        start(second, None)
    assert "mine.safetensors" in complaint.args[0]
    qtbot.waitUntil(lambda: second.activity is Activity.IDLE, timeout=20_000)
    assert second.loaded is not None
    assert second.entry is not None
    assert second.entry.shipped


def test_what_is_opened_while_the_list_is_read_comes_though_the_model_of_the_last_time_is_chosen(
    make_studio: Callable[[], Studio], qtbot: QtBot, checkpoints: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.safetensors"
    mine.write_bytes((checkpoints / "checkpoints" / f"{IMAGE}.safetensors").read_bytes())
    dropped = tmp_path / "dropped.safetensors"
    dropped.write_bytes((checkpoints / "checkpoints" / f"{SOUND}.safetensors").read_bytes())
    first = make_studio()
    open_model(first, qtbot, mine)
    first.close()
    second = make_studio()
    second.catalog.entries(added=False)  # as the program begins
    start(second, mine)
    second.opening.open_path(dropped)
    qtbot.waitUntil(lambda: second.entry is not None and second.entry.path == dropped, timeout=20_000)
    qtbot.waitUntil(lambda: second.activity is Activity.IDLE, timeout=20_000)
    assert second.entry is not None
    assert second.entry.path == dropped


def test_closing_waits_for_no_read_and_one_that_gave_way_begins_anew_if_the_window_stays(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio, begun, there = window.studio, threading.Semaphore(0), threading.Event()
    done: list[str] = []

    def read(check: Check) -> Show:
        begun.release()
        while not there.wait(0.001):
            check()
        return lambda: done.append("read")

    given_up = threading.Timer(20, there.set)  # else a close that waits would never end
    given_up.start()
    studio.reader.read_beside(read)
    assert begun.acquire(timeout=10)
    unsaved, asked = studio.worker.unsaved, []

    def lost() -> list[Refused]:
        unsaved()
        asked.append(there.is_set())
        return [Refused(studio.take, "the disk is full")] if len(asked) == 1 else []  # type: ignore[arg-type]

    monkeypatch.setattr(studio.worker, "unsaved", lost)
    monkeypatch.setattr(QMessageBox, "warning", lambda *_: QMessageBox.StandardButton.Cancel)
    assert not window.close()
    assert begun.acquire(timeout=10)
    assert window.close()
    assert (asked, done) == ([False, False], [])
    given_up.cancel()
    given_up.join()


def test_closing_asks_before_a_take_is_lost_that_could_not_be_saved(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = window.studio
    studio.profile.takes_folder.rmdir()
    studio.profile.takes_folder.write_text("a file where the folder should be")
    fast(window)
    with qtbot.waitSignal(studio.error):
        studio.begin()
    asked: list[str] = []
    answers = [QMessageBox.StandardButton.Retry, QMessageBox.StandardButton.Cancel]

    def answer(_parent: object, _title: str, question: str, *_: object) -> QMessageBox.StandardButton:
        asked.append(question)
        return answers.pop(0)

    monkeypatch.setattr(QMessageBox, "warning", answer)
    assert not window.close()
    assert len(asked) == 2
    assert "could not be saved" in asked[0]
    studio.profile.takes_folder.unlink()
    studio.profile.takes_folder.mkdir()
    assert window.close(), "once there is room nobody is asked"
    assert len(list(studio.profile.takes_folder.glob("*.npz"))) == 1


def test_a_picture_that_nothing_here_has_saved_opens_the_dialog_when_it_is_dropped(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    Image.new("L", (40, 40), 255).save(tmp_path / "white.png")
    with qtbot.waitSignal(window.studio.opening.picture_opened):
        window.studio.opening.open_path(tmp_path / "white.png")
    assert window._completion is not None
    assert window._completion.isVisible()
    assert window._completion.view.image is not None
    assert (window._completion.view.image == 255).all()
    window._completion.close()
    assert not window._completion.isVisible()
