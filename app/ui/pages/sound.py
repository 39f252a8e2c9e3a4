"""Sound and camera: trying microphone and loudspeaker alone, and choosing devices before and during a visit."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.media.devices import DeviceKind
from app.media.levels import Levels
from app.media.slot import FrameSlot
from app.presenters.views import (
    DeviceRow,
    PatientView,
    ProviderView,
    SoundCommands,
    SoundPhase,
    SoundView,
)
from app.ui import names
from app.ui.style import Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.fields import ChoiceBox, labelled
from app.ui.widgets.layout import Beside, Card, ScrollColumn, ground
from app.ui.widgets.meter import LevelKind, LevelMeter, MeterWords
from app.ui.widgets.picture import PictureWidget
from app.ui.widgets.text import SentenceLine, Text

_RUNNING = frozenset({SoundPhase.LISTENING, SoundPhase.PLAYING})


class SoundCard(Card):
    """One big button; then what to do, how loud it is, and the question whether it was heard."""

    def __init__(self, commands: SoundCommands, levels: Levels) -> None:
        super().__init__(22, 12)
        self._phase: SoundPhase | None = None
        self._says = SentenceLine(names.SOUND_SAYS, role="heading")
        self._meters = QStackedWidget()
        self._meter: dict[SoundPhase, LevelMeter] = {
            SoundPhase.LISTENING: self._make_meter(levels, "microphone"),
            SoundPhase.PLAYING: self._make_meter(levels, "speaker"),
        }
        for meter in self._meter.values():
            self._meters.addWidget(meter)
        self._meters.setFixedHeight(24)
        policy = self._meters.sizePolicy()
        policy.setRetainSizeWhenHidden(True)  # the page must not jump when the sound begins
        self._meters.setSizePolicy(policy)
        self._hints = Text(name=names.SOUND_HINTS)
        self._start = ActionButton(names.SOUND_START, self.tr("Begin"), "microphone", Kind.PRIMARY, large=True)
        self._stop = ActionButton(names.SOUND_STOP, self.tr("Stop"), "stop", Kind.SECONDARY)
        self._heard = ActionButton(names.SOUND_HEARD, self.tr("I heard myself"), "good", Kind.PRIMARY, large=True)
        self._not_heard = ActionButton(
            names.SOUND_NOT_HEARD, self.tr("I heard nothing"), "bad", Kind.SECONDARY, large=True
        )
        self._start.on_press(commands.start_sound_test)
        self._stop.on_press(commands.stop_sound_test)
        self._heard.on_press(lambda: commands.answer_sound_test(True))
        self._not_heard.on_press(lambda: commands.answer_sound_test(False))
        self.body.addWidget(Text(self.tr("Try your microphone and loudspeaker"), "title"))
        for widget in (self._says, self._meters, self._hints, self._start, self._stop, self._heard, self._not_heard):
            self.body.addWidget(widget)
        self.body.addStretch(1)

    def draw(self, sound: SoundView) -> None:
        phase = sound.phase
        self._says.say(sound.says)
        meter = self._meter.get(phase)
        if meter is not None:
            self._meters.setCurrentWidget(meter)
        self._meters.setVisible(meter is not None)
        self._hints.say("\n".join(f"{n}. {hint}" for n, hint in enumerate(sound.hints, 1)))
        self._hints.setVisible(bool(sound.hints))
        label, sign, kind = self._look(phase)
        self._start.set_label(label)
        self._start.set_look(sign, kind)
        mine = self.isAncestorOf(focus) if (focus := self.window().focusWidget()) is not None else False
        running = phase in _RUNNING
        # It stays where it is, disabled: a second press of a hand that presses twice must not stop the test.
        self._start.setEnabled(not running)
        self._start.setVisible(phase is not SoundPhase.ASKING)
        self._stop.setVisible(running)
        self._heard.setVisible(phase is SoundPhase.ASKING)
        self._not_heard.setVisible(phase is SoundPhase.ASKING)
        if phase is not self._phase:
            self._phase = phase
            if mine:  # the button that had the focus may be gone
                self.first_focus().setFocus()

    def first_focus(self) -> QWidget:
        if self._phase is SoundPhase.ASKING:
            return self._heard
        return self._stop if self._phase in _RUNNING else self._start

    def _look(self, phase: SoundPhase) -> tuple[str, str, Kind]:
        """The big button's words, sign and look."""
        again = (self.tr("Try again"), "again", Kind.PRIMARY)
        return {
            SoundPhase.READY: (self.tr("Begin"), "microphone", Kind.PRIMARY),
            SoundPhase.LISTENING: (self.tr("Speak now"), "microphone", Kind.PRIMARY),
            SoundPhase.PLAYING: (self.tr("Listen"), "ear", Kind.PRIMARY),
            SoundPhase.HEARD: (self.tr("Try again"), "again", Kind.SECONDARY),
        }.get(phase, again)

    def _make_meter(self, levels: Levels, kind: LevelKind) -> LevelMeter:
        words = meter_words(self, kind)
        return LevelMeter(levels, kind, f"{names.SOUND_LEVEL}.{kind}", words, blocks=24)


class DeviceField(QWidget):
    """The devices of one kind to choose from; `choose` is called with a name, or nothing for the computer's own."""

    def __init__(self, kind: DeviceKind, label: str, none: str, choose: Callable[[DeviceKind, str], None]) -> None:
        super().__init__()
        self._none = none
        self._row: DeviceRow | None = None
        self.box = ChoiceBox(names.device_choice(kind))
        self.box.activated.connect(lambda _index: self._chosen(kind, choose))
        self._note = Text(role="quiet", name=names.device_note(kind))
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(6)
        self.column.addLayout(labelled(label, self.box))
        self.column.addWidget(self._note)

    def draw(self, row: DeviceRow) -> None:
        if row == self._row:
            return
        self._row = row
        self.box.clear()
        self.box.add(self.tr("The one this computer chooses"), "")
        for name in row.names:
            self.box.add(name, name)
        if row.chosen and row.chosen not in row.names:
            words = row.chosen if row.present else self.tr("{name} (not plugged in)").format(name=row.chosen)
            self.box.add(words, row.chosen)
        self.box.setCurrentIndex(self.box.findData(row.chosen))
        self._note.say(self._words(row))
        self._note.setVisible(bool(self._note.words()))

    def _words(self, row: DeviceRow) -> str:
        if not row.names:
            return "" if row.chosen and row.present else self._none
        return "" if row.present else self.tr("Until it is plugged in, the one this computer chooses is used.")

    def _chosen(self, kind: DeviceKind, choose: Callable[[DeviceKind, str], None]) -> None:
        name = str(self.box.currentData())
        if self._row is not None and name != self._row.chosen:
            choose(kind, name)


class DevicesCard(Card):
    """Microphone, loudspeaker and camera; in a visit with their levels and one's own picture beside them."""

    def __init__(
        self,
        choose: Callable[[DeviceKind, str], None],
        turn: Callable[[], None],
        levels: Levels,
        mine: FrameSlot,
    ) -> None:
        super().__init__(22, 14)
        self._fields: dict[DeviceKind, DeviceField] = {
            "microphone": DeviceField(
                "microphone", self.tr("Microphone"), self.tr("No microphone was found. Plug one in."), choose
            ),
            "speaker": DeviceField(
                "speaker", self.tr("Loudspeaker"), self.tr("No loudspeaker was found. Plug one in."), choose
            ),
            "camera": DeviceField("camera", self.tr("Camera"), self.tr("No camera was found. Plug one in."), choose),
        }
        self._meters = [
            self._add_meter(levels, "microphone", self.tr("It hears:")),
            self._add_meter(levels, "speaker", self.tr("It plays:")),
        ]
        self._picture = PictureWidget(mine, f"{names.device_level('camera')}", mirror=True, rounded=8)
        self._picture.setAccessibleName(self.tr("Your own picture"))
        self._picture.setFixedSize(200, 150)
        self._turn = ActionButton(names.SOUND_TURN, self.tr("Turn my picture"), "again", Kind.SECONDARY)
        self._turn.on_press(turn)
        beside = QHBoxLayout()
        beside.setSpacing(14)
        beside.addWidget(self._picture)
        beside.addWidget(self._turn, 0, Qt.AlignmentFlag.AlignVCenter)
        beside.addStretch(1)
        self._fields["camera"].column.addLayout(beside)
        self.body.addWidget(Text(self.tr("Which ones are used"), "heading"))
        for field in self._fields.values():
            self.body.addWidget(field)
        self.body.addStretch(1)

    def draw(self, sound: SoundView) -> None:
        for row in sound.devices:
            self._fields[row.kind].draw(row)
        live = sound.phase is SoundPhase.IN_VISIT
        for widget in (*self._meters, self._picture, self._turn):
            widget.setVisible(live)

    def first_focus(self) -> QWidget:
        return self._fields["microphone"].box

    def _add_meter(self, levels: Levels, kind: LevelKind, caption: str) -> QWidget:
        """A meter under the field of its device, with a word before it."""
        meter = LevelMeter(levels, kind, names.device_level(kind), meter_words(self, kind), blocks=24)
        words = Text(caption, "quiet")
        words.setWordWrap(False)
        line = QWidget()
        row = QHBoxLayout(line)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(10)
        row.addWidget(words)
        row.addWidget(meter, 1)
        self._fields[kind].column.addWidget(line)
        return line


def meter_words(of: QWidget, kind: LevelKind) -> MeterWords:
    """What a screen reader says of a meter."""
    if kind == "microphone":
        return MeterWords(of.tr("What the microphone hears"), of.tr("It hears something"), of.tr("It hears nothing"))
    return MeterWords(of.tr("What the loudspeaker plays"), of.tr("It plays something"), of.tr("It plays nothing"))


class SoundPage(QWidget):
    def __init__(self, commands: SoundCommands, levels: Levels, mine: FrameSlot) -> None:
        super().__init__()
        ground(self, "page")
        self.setObjectName(names.SOUND)
        self._back = ActionButton(names.SOUND_BACK, self.tr("Back"), "back", Kind.SECONDARY)
        self._back.on_press(commands.close_sound)
        self._visit = SentenceLine(names.SOUND_VISIT)
        self._sound = SoundCard(commands, levels)
        self._devices = DevicesCard(commands.choose_device, commands.turn_picture, levels, mine)
        self._live = False
        head = QHBoxLayout()
        head.setContentsMargins(24, 0, 24, 0)
        head.setSpacing(14)
        head.addWidget(self._back, 0)
        head.addWidget(Text(self.tr("Sound and camera"), "title"), 1)
        scroll = ScrollColumn(1100, 16)
        cards = Beside(860, 16)
        cards.add(self._sound, 1)
        cards.add(self._devices, 1)
        scroll.column.addWidget(self._visit)
        scroll.column.addWidget(cards)
        scroll.column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 12, 0, 0)
        outer.setSpacing(0)
        outer.addLayout(head)
        outer.addWidget(scroll, 1)

    def show_view(self, view: PatientView | ProviderView) -> None:
        sound = view.sound
        if sound is None:
            return
        self._live = sound.phase is SoundPhase.IN_VISIT
        self._back.set_label(self.tr("Back") if view.visit is None else self.tr("Back to the visit"))
        self._sound.setVisible(not self._live)
        self._sound.draw(sound)
        self._devices.draw(sound)
        # In a visit: its own sentence first. That it goes on is what a person on this page needs to know.
        self._visit.say(sound.says if self._live else None)

    def first_focus(self) -> QWidget:
        return self._devices.first_focus() if self._live else self._sound.first_focus()
