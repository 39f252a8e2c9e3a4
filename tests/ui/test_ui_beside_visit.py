"""A provider looks at what came while the visit goes on: the way there, the strip, the way back."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from app.ui import names, samples
from app.ui.driver import said


def find(window, name):
    return next((w for w in window.findChildren(QWidget, name) if w.isVisible()), None)


def test_the_visit_tells_how_many_are_new(provider):
    views = samples.provider_views()
    provider.show_view(views["visit-live"])
    assert said(find(provider, names.VISIT_INBOX)) == "Sent by patients"
    provider.show_view(views["visit-came"])  # the visit itself is as before
    new = sum(not row.opened for row in views["visit-came"].inbox)
    assert said(find(provider, names.VISIT_INBOX)) == f"Sent by patients ({new})"


def test_the_strip_stands_on_the_pages_beside_a_visit_and_nowhere_else(provider):
    views = samples.provider_views()
    for state, there in (("beside-day", True), ("visit-live", False), ("beside-item", True), ("item", False)):
        provider.show_view(views[state])
        assert (find(provider, names.STRIP) is not None) == there, state
    provider.show_view(views["beside-item"])
    assert said(find(provider, names.STRIP_TITLE)) == "The visit goes on"
    assert said(find(provider, names.STRIP_LINK)) == views["visit-live"].visit.link.text
    assert find(provider, names.STRIP_BACK).height() >= 60
    provider.show_view(views["beside-muted"])
    assert said(find(provider, names.STRIP_TITLE)) == "The visit goes on. You are muted"


def test_a_patient_has_no_such_button(patient):
    patient.show_view(samples.patient_views()["visit-live"])
    assert find(patient, names.VISIT_INBOX) is None
    assert find(patient, names.VISIT_TO_GUEST) is None
