"""The patient is asked to show something sharply: one large question, one touch to agree."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtWidgets import QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from app.media.slot import FrameSlot
from app.presenters.views import CloserLife, CloserView, VisitView
from app.ui import names
from app.ui.style import Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.closer_strip import CloserStrip
from app.ui.widgets.layout import ground
from app.ui.widgets.picture import PictureWidget
from app.ui.widgets.text import Text, announce


class CloserAnswers(Protocol):
    def answer_closer(self, agree: bool) -> None: ...
    def stop_clip(self) -> None: ...
    def dismiss_closer(self) -> None: ...


class Question(QWidget):
    """Over the whole stage: who asks for what, one's own picture to aim by, two buttons."""

    def __init__(self, mine: FrameSlot, commands: CloserAnswers) -> None:
        super().__init__()
        ground(self, "dark")
        self._title = Text(role="stage-title", name=names.CLOSER_QUESTION)
        self._preview = PictureWidget(mine, names.CLOSER_PREVIEW)
        self._preview.setAccessibleName(self.tr("What the camera sees"))
        self._told: tuple[CloserLife, bool] | None = None
        self._aim = Text(role="stage", name=names.CLOSER_AIM)
        self.agree = ActionButton(names.CLOSER_AGREE, self.tr("Take it now"), "photo", Kind.PRIMARY, large=True)
        self._stop = ActionButton(names.CLIP_STOP, self.tr("Stop, send nothing"), "stop", Kind.STAGE, large=True)
        self._stop.on_press(commands.stop_clip)
        self._not_now = ActionButton(names.CLOSER_NOT_NOW, self.tr("Not now"), "close", Kind.STAGE, large=True)
        self.agree.on_press(lambda: commands.answer_closer(True))
        self._not_now.on_press(lambda: commands.answer_closer(False))
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.agree, 2)
        buttons.addWidget(self._not_now, 1)
        buttons.addWidget(self._stop, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self._title)
        column.addWidget(self._preview, 1)
        column.addWidget(self._aim)
        column.addLayout(buttons)

    def draw(self, view: CloserView) -> None:
        asked = view.life is CloserLife.ASKED
        if view.says.text != self._title.words():
            self._title.say(view.says.text)
            if (view.life, view.can_stop) != self._told:  # not every second of a countdown
                announce(self._title, view.says.text)
        self._told = (view.life, view.can_stop)
        self.agree.set_label(self.tr("Record it now") if view.what == "clip" else self.tr("Take it now"))
        self.agree.set_look("film" if view.what == "clip" else "photo", Kind.PRIMARY)
        self._stop.setVisible(view.can_stop)
        aim = view.hint or (self.tr("Hold it in front of the camera, in good light.") if asked else "")
        self._aim.say(aim)
        self._aim.setVisible(bool(aim))
        for button in (self.agree, self._not_now):
            button.setVisible(asked)


class CloserPatient(QWidget):
    """The stage, the question in its place when there is one, and what becomes of it beneath."""

    def __init__(self, stage: QWidget, mine: FrameSlot, commands: CloserAnswers) -> None:
        super().__init__()
        self._done = ActionButton(names.CLOSER_DONE, self.tr("OK"), "good", Kind.STAGE)
        self._done.on_press(commands.dismiss_closer)
        self._strip = CloserStrip(self._done)
        self._stage, self._question = stage, Question(mine, commands)
        self._stack = QStackedLayout()
        self._stack.addWidget(stage)
        self._stack.addWidget(self._question)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(self._stack, 1)
        column.addWidget(self._strip)

    def draw(self, visit: VisitView) -> None:
        view = visit.closer
        asking = view is not None and view.life in (CloserLife.ASKED, CloserLife.TAKING)
        self._stack.setCurrentWidget(self._question if asking else self._stage)
        if view is None or asking:
            self._strip.draw(None, ())
        else:
            self._strip.draw(view.says, () if view.life is CloserLife.SENDING else (self._done,), view.hint)
        if view is not None and asking:
            self._question.draw(view)
