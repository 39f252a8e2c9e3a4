"""A clip in the inbox: pictures follow the sound, play, pause, the slider, and a file only on the person's own act."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QThreadPool
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QLineEdit, QSlider, QWidget

from app.presenters.review_views import Sheet
from app.ui import names, review_samples, samples
from app.ui.app import ProviderWindow
from app.ui.bridge import Bridge
from app.ui.widgets.clip_player import ClipPlayer


class Sound:
    """Where the sound is, as a test says."""

    at: float | None = None

    def position(self) -> float | None:
        return self.at


@pytest.fixture
def sound():
    return Sound()


@pytest.fixture
def window(qtbot, qapp, commands, slots, sound):
    made = ProviderWindow(commands, Bridge(), *slots, now=lambda: samples.NOW, clip_position=sound.position)
    qtbot.addWidget(made)
    made.show()
    made.show_view(samples.provider_views()["item-clip"])
    QThreadPool.globalInstance().waitForDone()
    qapp.processEvents()
    return made


def player_of(window) -> ClipPlayer:
    return window.findChild(ClipPlayer)


def press(window, name):
    QTest.mouseClick(window.findChild(QWidget, name), Qt.MouseButton.LeftButton)


def colour(player) -> int:
    return player.still._canvas.image.pixelColor(4, 350).red()


def test_it_stands_at_its_first_picture_until_it_is_played(qtbot, window, commands):
    player = player_of(window)
    qtbot.waitUntil(lambda: player.still.image_size().width() == 640, timeout=5000)
    assert not player.is_playing()
    assert commands.calls == []
    assert player.findChild(QSlider).maximum() == 40


def test_pictures_follow_the_sound_and_it_ends_by_itself(qtbot, window, commands, sound):
    player = player_of(window)
    qtbot.waitUntil(lambda: not player.still.image_size().isEmpty(), timeout=5000)
    first = colour(player)
    press(window, names.CLIP_PLAY)
    assert commands.calls == [("play_clip", (0, 0.0))]
    qtbot.waitUntil(lambda: player.is_playing(), timeout=1000)
    for at in (0.2, 0.6, 1.0, 1.3):
        sound.at = at
        qtbot.waitUntil(lambda at=at: player.at_s() == at, timeout=2000)
    qtbot.waitUntil(lambda: colour(player) > first + 40, timeout=5000)
    sound.at = 2.0
    qtbot.waitUntil(lambda: not player.is_playing(), timeout=2000)
    assert commands.calls[1:] == [("pause_clip", ())]
    press(window, names.CLIP_PLAY)
    assert commands.calls[2:] == [("play_clip", (0, 0.0))], "from the beginning again"


def test_pause_and_the_slider(qtbot, window, commands, sound):
    player = player_of(window)
    press(window, names.CLIP_PLAY)
    sound.at = 0.4
    qtbot.waitUntil(lambda: player.at_s() == 0.4, timeout=2000)
    slider = player.findChild(QSlider)
    QTest.keyClick(slider, Qt.Key.Key_PageUp)
    assert player.at_s() == pytest.approx(1.4)
    assert commands.calls[-1] == ("play_clip", (0, pytest.approx(1.4)))
    press(window, names.CLIP_PLAY)
    assert commands.calls[-1] == ("pause_clip", ())
    sound.at = None
    QTest.keyClick(slider, Qt.Key.Key_Home)
    assert player.at_s() == 0.0
    assert commands.calls[-1] == ("pause_clip", ()), "moving alone plays nothing"


def test_leaving_the_page_ends_the_sound_and_frees_the_clip(qtbot, qapp, window, commands):
    press(window, names.CLIP_PLAY)
    window.show_view(samples.provider_views()["day"])
    assert commands.calls[-1] == ("pause_clip", ())
    window.show_view(samples.provider_views()["item"])
    qapp.processEvents()
    assert player_of(window) is None


def test_a_long_clip_goes_on_in_its_next_piece(qtbot, window, commands, sound):
    """A piece ends: the next one is asked for, and it plays on from there, by the piece's own clock."""
    view = samples.provider_views()["item-clip"]
    piece = partial(replace, view, opened=None)
    opened = view.opened
    long = partial(review_samples.clip, total=4.0)
    window.show_view(piece(opened=replace(opened, sheet=Sheet(0, clip=long(0.0)))))
    player = player_of(window)
    press(window, names.CLIP_PLAY)
    sound.at = 0.2
    qtbot.waitUntil(lambda: player.at_s() == 0.2, timeout=2000)
    sound.at = 2.0
    qtbot.waitUntil(lambda: commands.calls[-1] == ("show_clip_at", (0, 2.0)), timeout=2000)
    assert player.is_playing()
    window.show_view(piece(opened=replace(opened, sheet=Sheet(0, clip=long(2.0)))))
    assert player_of(window) is player
    assert commands.calls[-1] == ("play_clip", (0, 2.0))
    sound.at = 0.4
    qtbot.waitUntil(lambda: player.at_s() == 2.4, timeout=2000)
    QTest.keyClick(player.findChild(QSlider), Qt.Key.Key_Home)
    assert commands.calls[-1] == ("show_clip_at", (0, 0.0)), "back in the first piece"


def test_a_voice_message_has_no_picture_and_plays(qtbot, window, commands):
    window.show_view(samples.provider_views()["item-voice"])
    player = player_of(window)
    assert not player.still.isVisible()
    press(window, names.CLIP_PLAY)
    assert commands.calls[-1] == ("play_clip", (4, 0.0))


@pytest.mark.qt_log_ignore("propagateSizeHints")  # the off-screen platform has no window hints
def test_a_file_is_written_only_where_the_person_says(qtbot, qapp, window, commands, tmp_path):
    press(window, names.CLIP_SAVE)
    dialog = window.findChild(QFileDialog)
    assert "unsealed" in dialog.windowTitle()
    assert commands.calls == []
    field = dialog.findChild(QLineEdit, names.FILE_PATH)
    field.setText(str(tmp_path / "kept"))
    dialog.accept()
    qapp.processEvents()
    assert commands.calls == [("save_clip", (0, Path(tmp_path / "kept.mp4")))]
