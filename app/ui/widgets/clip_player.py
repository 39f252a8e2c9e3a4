"""A clip on the screen: its pictures in step with its sound, play and pause, a slider, a way to keep it as a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QHBoxLayout, QSlider, QVBoxLayout, QWidget

from app.presenters.views import OpenedClip
from app.ui import names
from app.ui.style import Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.still import StillView
from app.ui.widgets.text import Text

_BEAT_MS = 15
_STEPS = 20  # of the slider in a second


class ClipCommands(Protocol):
    def play_clip(self, place: int, at_s: float) -> None: ...
    def pause_clip(self) -> None: ...


class ClipPlayer(QWidget):
    """`position`: seconds into the clip that are heard now, None while nothing plays; the pictures follow it.
    `save` is called when the person wants a file. One picture is decoded at a time: a slow machine leaves some out.
    """

    def __init__(
        self,
        clip: OpenedClip,
        place: int,
        commands: ClipCommands,
        position: Callable[[], float | None],
        save: Callable[[], None],
    ) -> None:
        super().__init__()
        self._clip, self._place, self._commands, self._position = clip.safe, place, commands, position
        self._playing = self._heard = self._decoding = False
        self._shown = -1
        self._at = 0.0
        self.still = StillView(names.CLIP_PICTURE)
        self.still.setAccessibleName(self.tr("Clip"))
        self.still.loaded.connect(self._loaded)
        self._play = ActionButton(names.CLIP_PLAY, self.tr("Play"), "play", Kind.PRIMARY)
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setObjectName(names.CLIP_SLIDER)
        self._slider.setAccessibleName(self.tr("Place in the clip"))
        self._slider.setRange(0, max(1, round(self._clip.seconds * _STEPS)))
        self._slider.setPageStep(_STEPS)
        self._time = Text(role="quiet", name=names.CLIP_TIME)
        self._time.setWordWrap(False)
        self._save = ActionButton(names.CLIP_SAVE, self.tr("Save as a file"), "file", Kind.SECONDARY)
        self._note = Text(
            self.tr("A saved file is not sealed. Anyone who can open files on this computer can see it."),
            "small",
            names.CLIP_NOTE,
        )
        self._play.on_press(self._toggle)
        self._save.on_press(save)
        self._slider.valueChanged.connect(self._moved)
        self._beat = QTimer(self)
        self._beat.setInterval(_BEAT_MS)
        self._beat.timeout.connect(self._follow)
        self._lay_out()
        self._show(0.0)

    def is_playing(self) -> bool:
        return self._playing

    def at_s(self) -> float:
        """The place on show (s)."""
        return self._at

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.pause()

    def pause(self) -> None:
        if self._playing:
            self._set_playing(False)
            self._commands.pause_clip()

    def _toggle(self) -> None:
        if self._playing:
            self.pause()
            return
        if self._at >= self._clip.seconds - 1 / _STEPS:
            self._show(0.0)
        self._begin()

    def _begin(self) -> None:
        self._heard = False
        self._set_playing(True)
        self._commands.play_clip(self._place, self._at)

    def _set_playing(self, on: bool) -> None:
        self._playing = on
        self._play.set_label(self.tr("Pause") if on else self.tr("Play"))
        self._play.set_look("pause" if on else "play", Kind.PRIMARY)
        if on:
            self._beat.start()
        else:
            self._beat.stop()

    def _follow(self) -> None:
        at = self._position()
        if at is None or (not self._heard and abs(at - self._at) > 0.5):
            return  # the loudspeaker is being opened, or still has the place before
        self._heard = True
        self._show(at)
        if at >= self._clip.seconds:
            self.pause()

    def _moved(self, value: int) -> None:
        """By the person: with finger, mouse or keys."""
        self._show(value / _STEPS)
        if self._playing:
            self._begin()

    def _show(self, at: float) -> None:
        self._at = min(max(at, 0.0), self._clip.seconds)
        self._slider.blockSignals(True)
        self._slider.setValue(round(self._at * _STEPS))
        self._slider.blockSignals(False)
        self._time.say(self.tr("{at} of {all} s").format(at=f"{self._at:.1f}", all=f"{self._clip.seconds:.1f}"))
        self._draw()

    def _draw(self) -> None:
        place = self._clip.place_at(self._at)
        if place != self._shown and not self._decoding:
            first, self._shown, self._decoding = self._shown < 0, place, True
            self.still.show_bytes(self._clip.pictures[place], sharper=not first)

    def _loaded(self, good: bool) -> None:
        self._decoding = False
        if good:
            self._draw()

    def _lay_out(self) -> None:
        tools = QHBoxLayout()
        tools.setSpacing(10)
        tools.addWidget(self._play)
        tools.addWidget(self._slider, 1)
        tools.addWidget(self._time)
        tools.addWidget(self._save)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.still, 1)
        column.addLayout(tools)
        column.addWidget(self._note)
