"""A clip or voice message on the screen: its pictures in step with its sound, play and pause, a slider, a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from app.presenters.review_views import OpenedClip
from app.ui import names
from app.ui.style import STAGE_QUIET, Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.icons import icon
from app.ui.widgets.layout import FlowRow, ground
from app.ui.widgets.still import StillView
from app.ui.widgets.text import Text

_BEAT_MS = 15
_STEPS = 20  # of the slider in a second
_EAR = 96  # px


class ClipCommands(Protocol):
    def play_clip(self, place: int, at_s: float) -> None: ...
    def show_clip_at(self, place: int, at_s: float) -> None: ...
    def pause_clip(self) -> None: ...


class ClipPlayer(QWidget):
    """`position`: seconds into the piece on show that are heard now, None while nothing plays; the pictures follow it.

    A long clip comes in pieces: past the end of one the next is asked for, and playing goes on once
    :meth:`show_clip` has it. `save` is called when the person wants a file. One picture is decoded at a time: a slow
    machine leaves some out.
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
        self._clip, self._place, self._commands, self._position = clip, place, commands, position
        self._playing = self._heard = self._decoding = False
        self._waiting = False  # for another piece
        self._shown = -1
        self._at = 0.0
        self.still = StillView(names.CLIP_PICTURE)
        self.still.setAccessibleName(self.tr("Clip"))
        self.still.loaded.connect(self._loaded)
        self._play = ActionButton(names.CLIP_PLAY, self.tr("Play"), "play", Kind.PRIMARY)
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setObjectName(names.CLIP_SLIDER)
        self._slider.setAccessibleName(self.tr("Place in the clip"))
        self._slider.setRange(0, max(1, round(clip.total_s * _STEPS)))
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
        self._show(clip.start_s)

    def show_clip(self, clip: OpenedClip) -> None:
        """Another piece of the same clip."""
        self._clip, self._shown, self._waiting = clip, -1, False
        self._show(min(max(self._at, clip.start_s), clip.end_s))
        if self._playing:
            self._begin()

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
        self._set_playing(True)
        if self._at >= self._clip.total_s - 1 / _STEPS:
            self._go(0.0)
        else:
            self._begin()

    def _begin(self) -> None:
        self._heard = False
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
        told = self._position()
        at = None if told is None else told + self._clip.start_s
        if at is None or self._waiting or (not self._heard and abs(at - self._at) > 0.5):
            return  # the loudspeaker is being opened, or still has the place before
        self._heard = True
        self._show(at)
        if at >= self._clip.total_s:
            self.pause()
        elif at >= self._clip.end_s:
            self._go(self._clip.end_s)

    def _moved(self, value: int) -> None:
        """By the person: with finger, mouse or keys."""
        self._go(value / _STEPS)

    def _go(self, at: float) -> None:
        """To that second, in this piece or another."""
        inside = self._clip.start_s <= at < self._clip.end_s or at >= self._clip.total_s == self._clip.end_s
        self._show(at)
        if not inside:
            self._waiting = True
            self._commands.show_clip_at(self._place, self._at)
        elif self._playing:
            self._begin()

    def _show(self, at: float) -> None:
        self._at = min(max(at, 0.0), self._clip.total_s)
        self._slider.blockSignals(True)
        self._slider.setValue(round(self._at * _STEPS))
        self._slider.blockSignals(False)
        self._time.say(self.tr("{at} of {all} s").format(at=f"{self._at:.1f}", all=f"{self._clip.total_s:.1f}"))
        self._draw()

    def _draw(self) -> None:
        pictures = self._clip.safe.pictures
        place = self._clip.safe.place_at(self._at - self._clip.start_s)
        if pictures and place != self._shown and not self._decoding:
            first, self._shown, self._decoding = self.still.image_size().isEmpty(), place, True
            self.still.show_bytes(pictures[place], sharper=not first)

    def _loaded(self, good: bool) -> None:
        self._decoding = False
        if good:
            self._draw()

    def _lay_out(self) -> None:
        tools = FlowRow(10)
        bar = QWidget()
        beside = QHBoxLayout(bar)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.setSpacing(10)
        beside.addWidget(self._slider, 1)
        beside.addWidget(self._time)
        for widget in (self._play, self._save):
            tools.add(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.still if self._clip.safe.pictures else self._ear(), 1)
        column.addWidget(bar)
        column.addWidget(tools)
        column.addWidget(self._note)

    def _ear(self) -> QWidget:
        """Stands where the picture of a voice message would be."""
        sheet, sign = QWidget(), QLabel()
        ground(sheet, "dark")
        sign.setPixmap(icon("speech", STAGE_QUIET, _EAR, self.devicePixelRatioF()))
        sign.setAlignment(Qt.AlignmentFlag.AlignCenter)
        sign.setAccessibleName(self.tr("Voice message"))
        QVBoxLayout(sheet).addWidget(sign)
        return sheet
