"""Recording a clip with sound, or a voice message: one large button to begin, one to end."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QStackedLayout, QVBoxLayout, QWidget

from app.media.slot import FrameSlot
from app.presenters.sending_views import RecordPhase
from app.presenters.views import PatientCommands, PatientView
from app.ui import sending_names as names
from app.ui.style import STAGE_QUIET, Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.compose_rows import SignLabel
from app.ui.widgets.layout import ground
from app.ui.widgets.picture import PictureWidget
from app.ui.widgets.text import SentenceLine, Text


class RecordPage(QWidget):
    def __init__(self, commands: PatientCommands, mine: FrameSlot) -> None:
        super().__init__()
        ground(self, "dark")
        self.setObjectName(names.RECORD)
        recording = commands.recording
        self._title = Text(role="stage-title")
        self._preview = PictureWidget(mine, names.RECORD_PREVIEW)
        self._preview.setAccessibleName(self.tr("What the camera sees"))
        self._voice = SignLabel(120, 96)
        self._voice.show_sign("microphone", STAGE_QUIET)
        self._says = SentenceLine(names.RECORD_SAYS, on_stage=True, announce=False)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 1000)
        self._bar.setAccessibleName(self.tr("How much of the three minutes is used"))
        self._start = ActionButton(names.RECORD_START, self.tr("Record"), "film", Kind.PRIMARY, large=True)
        self._stop = ActionButton(names.RECORD_STOP, self.tr("Done"), "good", Kind.PRIMARY, large=True)
        self._leave = ActionButton(names.RECORD_LEAVE, self.tr("Cancel"), "close", Kind.STAGE, large=True)
        self._start.on_press(recording.start_recording)
        self._stop.on_press(recording.stop_recording)
        self._leave.on_press(recording.leave_recording)
        self._phase: RecordPhase | None = None
        self._lay_out()

    def show_view(self, view: PatientView) -> None:
        shown = view.sending.record if view.sending is not None else None
        if shown is None:
            self._phase = None
            return
        self._title.say(self.tr("A clip with sound") if shown.film else self.tr("A voice message"))
        self._start.set_look("film" if shown.film else "microphone", Kind.PRIMARY)
        on = shown.film and shown.phase is not RecordPhase.READY
        self._stage.setCurrentWidget(self._preview if on else self._quiet)
        self._voice.show_sign("film" if shown.film else "microphone", STAGE_QUIET)
        self._says.say(shown.says)
        self._bar.setVisible(shown.phase is RecordPhase.RECORDING)
        self._bar.setValue(round(1000 * shown.fraction))
        self._start.setVisible(shown.phase is RecordPhase.READY)
        self._stop.setVisible(shown.phase is not RecordPhase.READY)
        self._stop.setEnabled(shown.phase is RecordPhase.RECORDING)
        self._leave.setEnabled(shown.phase is not RecordPhase.SAVING)
        if shown.phase is not self._phase:
            self._phase = shown.phase
            if self.isVisible():
                self.first_focus().setFocus()

    def first_focus(self) -> QWidget:
        return self._stop if self._phase is RecordPhase.RECORDING else self._start

    def _lay_out(self) -> None:
        self._quiet = QWidget()
        quiet = QVBoxLayout(self._quiet)
        quiet.addWidget(self._voice, 0, Qt.AlignmentFlag.AlignCenter)
        holder = QWidget()
        self._stage = QStackedLayout(holder)
        self._stage.addWidget(self._quiet)
        self._stage.addWidget(self._preview)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self._start, 2)
        buttons.addWidget(self._stop, 2)
        buttons.addWidget(self._leave, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 14, 16, 12)
        column.setSpacing(10)
        column.addWidget(self._title)
        column.addWidget(holder, 1)
        column.addWidget(self._bar)
        column.addWidget(self._says)
        column.addLayout(buttons)
