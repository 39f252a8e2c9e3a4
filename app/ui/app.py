"""The application object and the two windows. A window only chooses the page; pages draw and send commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Generic, Protocol, TypeVar, runtime_checkable

from PySide6.QtCore import QLocale, Qt
from PySide6.QtGui import QCloseEvent, QFont, QGuiApplication
from PySide6.QtWidgets import QApplication, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from app.media.levels import Levels
from app.media.slot import FrameSlot
from app.presenters.views import CommonCommands, Page, PatientCommands, PatientView, ProviderCommands, ProviderView
from app.ui.bridge import Bridge
from app.ui.pages.choices import ChoicesPage
from app.ui.pages.day import DayPage
from app.ui.pages.desk import DeskPage
from app.ui.pages.enrol import EnrolPage
from app.ui.pages.form import FormPage
from app.ui.pages.home import HomePage
from app.ui.pages.item import ItemPage
from app.ui.pages.lock import LockPage
from app.ui.pages.passphrase import PassphrasePage
from app.ui.pages.past_visits import PastVisitsPage
from app.ui.pages.photo import PhotoPage
from app.ui.pages.reading import ReadingPage
from app.ui.pages.record import RecordPage
from app.ui.pages.send import SendPage
from app.ui.pages.sent import SentPage
from app.ui.pages.sound import SoundPage
from app.ui.pages.visit import VisitPage
from app.ui.style import PATIENT_BASE, PROVIDER_BASE, font_family, palette, stylesheet
from app.ui.widgets.notice import NoticeBar
from app.ui.widgets.visit_strip import VisitStrip
from app.ui.words import english_here

V = TypeVar("V", PatientView, ProviderView)
V_contra = TypeVar("V_contra", contravariant=True)


_OWN_WORDS = frozenset({Page.ENROL, Page.PASSPHRASE})
"""There the sentence stands beside the button, where the eyes are."""


class _Page(Protocol[V_contra]):
    def show_view(self, view: V_contra) -> None: ...
    def first_focus(self) -> QWidget: ...


@runtime_checkable
class _Clearing(Protocol[V_contra]):
    """A page with clear words of patients: they leave its widgets when another page is shown, for the next person at
    this computer is perhaps another one."""

    def put_away(self, view: V_contra) -> None: ...


def _local_now() -> datetime:
    return datetime.now().astimezone()


def make_application(argv: Sequence[str]) -> QApplication:
    """The one QApplication, looking the same on every desktop: Fusion, our palette, our sizes, light.

    Off screen, dialogs are Qt's own, since there is no system to ask. Raises RuntimeError when one exists already.
    """
    if QApplication.instance() is not None:
        raise RuntimeError("there is an application already")
    QGuiApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    app = QApplication(list(argv))
    dress(app)
    return app


def dress(app: QApplication) -> None:
    """Gives an application our style, palette, font and locale."""
    app.setApplicationName("Thinline")
    app.setApplicationDisplayName("Thinline")
    app.setStyle("Fusion")
    app.styleHints().setColorScheme(Qt.ColorScheme.Light)
    app.setPalette(palette())
    font = QFont(font_family())
    font.setPixelSize(PROVIDER_BASE)
    app.setFont(font)
    QLocale.setDefault(english_here())
    if app.platformName() == "offscreen":
        app.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs)


class _Window(QMainWindow, Generic[V]):
    """A stack of pages under a notice bar; follows the bridge."""

    def __init__(
        self, commands: CommonCommands, bridge: Bridge, title: str, base: int, on_close: Callable[[], None] | None
    ) -> None:
        super().__init__()
        self.setWindowTitle(title)
        self.setStyleSheet(stylesheet(base))
        self.on_close = on_close
        self._view: V | None = None
        self._pages: dict[Page, tuple[QWidget, _Page[V]]] = {}
        self._notice = NoticeBar(commands.dismiss_notice, commands.open_lock)
        self._stack = QStackedWidget()
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._notice)
        self._column = column
        column.addWidget(self._stack, 1)
        self.setCentralWidget(body)
        self.resize(1024, 720)
        self.setMinimumSize(640, 480)
        bridge.view_changed.connect(self.show_view, Qt.ConnectionType.AutoConnection)

    def _add_page(self, key: Page, widget: QWidget, page: _Page[V]) -> None:
        """`widget` and `page` are one object, seen as what Qt stacks and as what draws a view."""
        self._stack.addWidget(widget)
        self._pages[key] = (widget, page)

    def show_view(self, view: V) -> None:
        """Draws a view. Raises KeyError when it names a page that this window does not have."""
        if view == self._view:
            return
        widget, page = self._pages[view.page]
        turned = self._view is None or self._view.page is not view.page
        self._view = view
        notice = None if view.page in _OWN_WORDS else view.notice
        locks = notice is not None and view.lock is not None and view.lock.in_notice and view.page is Page.HOME
        self._notice.say(notice, locks=locks)
        page.show_view(view)
        if turned:
            self._stack.setCurrentWidget(widget)
            page.first_focus().setFocus(Qt.FocusReason.OtherFocusReason)
        for key, (_, other) in self._pages.items():  # after: what was typed there is kept as the page is hidden
            if key is not view.page and isinstance(other, _Clearing):
                other.put_away(view)

    def closeEvent(self, event: QCloseEvent) -> None:
        if self.on_close is not None:
            self.on_close()
        super().closeEvent(event)


class _FormOf:
    """The page of a form, seen as a page of the patient's window."""

    def __init__(self, page: FormPage) -> None:
        self._page = page

    def show_view(self, view: PatientView) -> None:
        if view.sending is not None and view.sending.form is not None:
            self._page.show_view(view.sending.form)

    def first_focus(self) -> QWidget:
        return self._page.first_focus()


class PatientWindow(_Window[PatientView]):
    """`remote` holds the other person's pictures, `mine` those of one's own camera, `guest` a guest's; `now` is local
    time, `levels` is how loud microphone and loudspeaker are."""

    def __init__(
        self,
        commands: PatientCommands,
        bridge: Bridge,
        remote: FrameSlot,
        mine: FrameSlot,
        on_close: Callable[[], None] | None = None,
        now: Callable[[], datetime] = _local_now,
        levels: Levels | None = None,
        guest: FrameSlot | None = None,
    ) -> None:
        super().__init__(commands, bridge, "Thinline", PATIENT_BASE, on_close)
        enrol = EnrolPage(commands, welcome=self.tr("Welcome to Thinline"))
        self._add_page(Page.ENROL, enrol, enrol)  # the first: it stands until the profile is open
        passphrase, lock = PassphrasePage(commands), LockPage(commands)
        self._add_page(Page.PASSPHRASE, passphrase, passphrase)
        self._add_page(Page.LOCK, lock, lock)
        home = HomePage(commands, now)
        self._add_page(Page.HOME, home, home)
        photo = PhotoPage(commands, mine)
        self._add_page(Page.PHOTO, photo, photo)
        levels = levels or Levels()
        visit = VisitPage(
            commands,
            remote,
            mine,
            photo=commands.start_photo,
            files=commands.add_files,
            levels=levels,
            guest=guest,
            answers=commands,
        )
        self._add_page(Page.VISIT, visit, visit)
        sound = SoundPage(commands, levels, mine)
        self._add_page(Page.SOUND, sound, sound)
        send, form, reading = SendPage(commands), FormPage(commands.answering), ReadingPage(commands, now)
        self._add_page(Page.SEND, send, send)
        self._add_page(Page.FORM, form, _FormOf(form))
        self._add_page(Page.READING, reading, reading)
        record, sent, choices = RecordPage(commands, mine), SentPage(commands, now), ChoicesPage(commands)
        self._add_page(Page.RECORD, record, record)
        self._add_page(Page.SENT, sent, sent)
        self._add_page(Page.CHOICES, choices, choices)
        past = PastVisitsPage(commands.past_visits, commands.items.open_item, now)
        self._add_page(Page.PAST_VISITS, past, past)


class ProviderWindow(_Window[ProviderView]):
    """As :class:`PatientWindow`, for the care team. `clip_position`: how far the sound of a clip has come (s)."""

    def __init__(
        self,
        commands: ProviderCommands,
        bridge: Bridge,
        remote: FrameSlot,
        mine: FrameSlot,
        on_close: Callable[[], None] | None = None,
        now: Callable[[], datetime] = _local_now,
        levels: Levels | None = None,
        guest: FrameSlot | None = None,
        clip_position: Callable[[], float | None] = lambda: None,
    ) -> None:
        super().__init__(commands, bridge, self.tr("Thinline for providers"), PROVIDER_BASE, on_close)
        enrol = EnrolPage(commands, welcome=self.tr("Welcome to Thinline for providers"))
        self._add_page(Page.ENROL, enrol, enrol)  # the first: it stands until the profile is open
        passphrase, lock = PassphrasePage(commands), LockPage(commands)
        self._add_page(Page.PASSPHRASE, passphrase, passphrase)
        self._add_page(Page.LOCK, lock, lock)
        desk = DeskPage(commands, now)
        home = DayPage(commands, now, desk.aim_at_invitation, desk.aim_at_visit)
        self._add_page(Page.HOME, home, home)
        self._add_page(Page.DESK, desk, desk)
        levels = levels or Levels()
        visit = VisitPage(
            commands,
            remote,
            mine,
            timeline=True,
            levels=levels,
            guest=guest,
            guests=commands,
            asks=commands,
            wish=commands.wish_view,
            inbox=commands.open_inbox,
        )
        self._add_page(Page.VISIT, visit, visit)
        sound = SoundPage(commands, levels, mine)
        self._add_page(Page.SOUND, sound, sound)
        item = ItemPage(commands, now, clip_position)
        self._add_page(Page.ITEM, item, item)
        past = PastVisitsPage(commands.past_visits, commands.open_item, now)
        self._add_page(Page.PAST_VISITS, past, past)
        self._strip = VisitStrip(commands.back_to_visit)
        self._column.insertWidget(0, self._strip)

    def show_view(self, view: ProviderView) -> None:
        self._strip.show_view(view)
        super().show_view(view)
