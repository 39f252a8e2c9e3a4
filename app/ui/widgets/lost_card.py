"""What a person can do when the connection of a visit stays away."""

from __future__ import annotations

from collections.abc import Callable

from app.presenters.views import VisitView
from app.ui import names
from app.ui.style import Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.layout import Card
from app.ui.widgets.text import Text


class LostCard(Card):
    """What a person can do when the connection stays away: call, or leave a photo (`photo`; None for a provider)."""

    def __init__(self, photo: Callable[[], None] | None) -> None:
        super().__init__(22, 10)
        self.setObjectName(names.VISIT_LOST)
        self._for_patient = photo is not None
        self._title = Text(role="heading")
        self._more = Text(self.tr("We keep trying. When the connection is back, the visit goes on by itself."))
        self._phone = Text(role="title", name=names.VISIT_LOST_PHONE)
        for widget in (self._title, self._more, self._phone):
            self.body.addWidget(widget)
        self._show: Text | None = None
        if photo is not None:
            take = ActionButton(names.VISIT_LOST_PHOTO, self.tr("Take a photo"), "photo", Kind.PRIMARY, large=True)
            take.on_press(photo)
            self._show = Text(
                self.tr("You can also show the clinic something now. It is sent when the connection is back.")
            )
            self.body.addWidget(self._show)
            self.body.addWidget(take)

    def spare(self, on: bool) -> None:
        """Where there is little room the number and the button matter, not the explanations."""
        for words in (self._more, self._show):
            if words is not None:
                words.setVisible(not on)

    def draw(self, visit: VisitView) -> None:
        self._title.say(self.tr("The connection to {name} is lost").format(name=visit.with_name))
        call = self.tr("Call {number}") if self._for_patient else self.tr("{name} sees this number: {number}")
        self._phone.say(call.format(name=visit.with_name, number=visit.clinic_phone) if visit.clinic_phone else "")
        self._phone.setVisible(bool(visit.clinic_phone))
