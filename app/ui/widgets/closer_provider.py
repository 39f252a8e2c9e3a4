"""The provider asks to look closer and sees the picture get sharper, as near as they like."""

from __future__ import annotations

from functools import partial
from typing import Protocol

from PySide6.QtWidgets import QStackedLayout, QVBoxLayout, QWidget

from app.media.closer.messages import What
from app.presenters.views import CloserLife, CloserView, VisitView
from app.ui import names
from app.ui.style import Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.closer_strip import CloserStrip
from app.ui.widgets.layout import FlowRow, ground
from app.ui.widgets.still import StillView
from app.ui.widgets.text import SentenceLine

_UNDER_WAY = (CloserLife.ASKED, CloserLife.TAKING, CloserLife.SENDING)


class CloserAsks(Protocol):
    def look_closer(self, what: What) -> None: ...
    def withdraw_closer(self) -> None: ...
    def dismiss_closer(self) -> None: ...


class CloserViewer(QWidget):
    """Over the whole stage: the picture, how far it has come, nearer and further."""

    def __init__(self) -> None:
        super().__init__()
        ground(self, "dark")
        self._says = SentenceLine(names.CLOSER_VIEW_SAYS, on_stage=True, announce=False)
        self._picture = StillView(names.CLOSER_PICTURE)
        self._fit = ActionButton(names.CLOSER_VIEW_FIT, self.tr("Whole picture"), "fit", Kind.STAGE)
        self._closer = ActionButton(names.CLOSER_VIEW_CLOSER, self.tr("Closer"), "plus", Kind.STAGE)
        self._further = ActionButton(names.CLOSER_VIEW_FURTHER, self.tr("Further"), "minus", Kind.STAGE)
        self.back = ActionButton(names.CLOSER_VIEW_BACK, self.tr("Back to the call"), "back", Kind.STAGE)
        self._fit.on_press(self._picture.fit)
        self._closer.on_press(self._picture.closer)
        self._further.on_press(self._picture.further)
        self._picture.loaded.connect(self._draw_tools)
        self._picture.zoomed.connect(self._draw_tools)
        tools = FlowRow(6)
        for button in (self._further, self._closer, self._fit, self.back):
            tools.add(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self._says)
        column.addWidget(self._picture, 1)
        column.addWidget(tools)
        self._ask = ""

    def draw(self, view: CloserView, name: str) -> None:
        self._says.say(view.says)
        self._picture.setAccessibleName(self.tr("Sharp photo of {name}").format(name=name))
        self._picture.show_bytes(view.picture, sharper=view.ask == self._ask)
        self._ask = view.ask
        self._draw_tools()

    def clear(self) -> None:
        """The clear picture leaves memory."""
        self._picture.show_bytes(b"")
        self._ask = ""

    def _draw_tools(self, *_: object) -> None:
        near = self._picture.zoom() > 1
        self._fit.setEnabled(near)
        self._further.setEnabled(near)
        self._closer.setEnabled(self._picture.can_go_closer())


class CloserProvider(QWidget):
    """The stage, or the picture in its place, and beneath it the words and buttons. `look` and `film` belong to
    the controls."""

    def __init__(self, stage: QWidget, commands: CloserAsks) -> None:
        super().__init__()
        self._commands = commands
        self._closed = ""  # the ask whose picture was put away
        self._visit: VisitView | None = None
        self.look = ActionButton(names.CLOSER, self.tr("Look closer"), "magnifier", Kind.STAGE, upright=True)
        self.film = ActionButton(names.CLIP_ASK, self.tr("Clip"), "film", Kind.STAGE, upright=True)
        self.film.setAccessibleName(self.tr("Ask for a clip of 10 seconds"))
        self._withdraw = ActionButton(names.CLOSER_WITHDRAW, self.tr("No longer needed"), "close", Kind.STAGE)
        self._open = ActionButton(names.CLOSER_OPEN, self.tr("Look at it"), "seen", Kind.STAGE)
        self._done = ActionButton(names.CLOSER_DONE, self.tr("Done"), "good", Kind.STAGE)
        self._strip = CloserStrip(self._open, self._withdraw, self._done)
        self._viewer = CloserViewer()
        self._stage = stage
        self.look.on_press(partial(self._ask, "photo"))
        self.film.on_press(partial(self._ask, "clip"))
        self._withdraw.on_press(commands.withdraw_closer)
        self._open.on_press(lambda: self._put_away(""))
        self._done.on_press(commands.dismiss_closer)
        self._viewer.back.on_press(self._back)
        self._stack = QStackedLayout()
        self._stack.addWidget(stage)
        self._stack.addWidget(self._viewer)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(self._stack, 1)
        column.addWidget(self._strip)

    def draw(self, visit: VisitView) -> None:
        self._visit = visit
        view = visit.closer
        self.look.setEnabled(visit.can_look_closer)
        self.film.setEnabled(visit.can_look_closer)
        viewing = view is not None and bool(view.picture) and view.ask != self._closed
        self._stack.setCurrentWidget(self._viewer if viewing else self._stage)
        if view is None or not view.picture:
            self._viewer.clear()
        else:
            self._viewer.draw(view, visit.with_name)
        self._draw_strip(view, viewing)

    def _draw_strip(self, view: CloserView | None, viewing: bool) -> None:
        if view is None or viewing:  # the viewer has its own words
            self._strip.draw(None, ())
        else:
            open_it = (self._open,) if view.picture else ()
            end = self._withdraw if view.life in _UNDER_WAY else self._done
            self._strip.draw(view.says, (*open_it, end))

    def _ask(self, what: What) -> None:
        self._closed = ""
        self._commands.look_closer(what)
        self._again()

    def _back(self) -> None:
        """One that is all there is put away for good: it is in the inbox. One that still comes can be opened again."""
        view = self._visit.closer if self._visit is not None else None
        if view is not None and view.life is CloserLife.DONE:
            self._commands.dismiss_closer()
        self._put_away(view.ask if view is not None else "")

    def _put_away(self, ask: str) -> None:
        self._closed = ask
        self._again()

    def _again(self) -> None:
        if self._visit is not None:
            self.draw(self._visit)
