"""A guest on both screens: named as not verified, invited and dismissed by the provider alone."""

import io
import json

import pytest
from PySide6.QtWidgets import QLineEdit, QWidget

from app.ui import names, samples
from app.ui.driver import Driver, said


def click(window, name):
    out = io.StringIO()
    Driver(window, out).take(json.dumps({"id": 1, "do": "click", "name": name}))
    return json.loads(out.getvalue().splitlines()[-1])


def find(window, name):
    return next((w for w in window.findChildren(QWidget, name) if w.isVisible()), None)


@pytest.mark.parametrize("who", ["patient", "provider"])
def test_a_guest_is_shown_as_not_verified(request, who):
    window = request.getfixturevalue(who)
    window.show_view(getattr(samples, f"{who}_views")()["visit-guest"])
    assert said(find(window, names.VISIT_GUEST_TITLE)) == "Ana Reyes (interpreter, not verified)"
    assert "not verified" in said(find(window, names.VISIT_GUEST))
    assert find(window, names.VISIT_GUEST_PICTURE) is not None


def test_no_guest_no_picture(provider):
    provider.show_view(samples.provider_views()["visit-guest"])
    provider.show_view(samples.provider_views()["visit-live"])
    assert find(provider, names.VISIT_GUEST_TITLE) is None
    assert find(provider, names.VISIT_GUEST) is None


def test_a_guest_alone_has_the_whole_stage(provider):
    provider.show_view(samples.provider_views()["visit-guest"])
    picture = find(provider, names.VISIT_GUEST_PICTURE)
    small = picture.width()
    waiting = samples.PROVIDER_VISITS["waiting"]
    guest = samples.PROVIDER_VISITS["guest"].guest
    provider.show_view(samples.provider(samples.Page.VISIT, visit=samples.replace(waiting, guest=guest)))
    assert picture.width() > 2 * small


def test_the_provider_invites_and_takes_back(provider, commands):
    provider.show_view(samples.provider_views()["visit-live"])
    find(provider, names.GUEST_NAME).setText("Ana Reyes")
    assert click(provider, names.GUEST_INVITE)["ok"]
    assert commands.calls == [("invite_guest", ("interpreter", "Ana Reyes"))]
    provider.show_view(samples.provider_views()["visit-guest-invited"])
    assert find(provider, names.GUEST_NAME) is None
    assert find(provider, names.GUEST_LINK).words().startswith("https://clinic.example:8443/guest/#")
    assert click(provider, names.GUEST_DISMISS)["ok"]
    assert commands.calls[-1] == ("dismiss_guest", ())
    provider.show_view(samples.provider_views()["visit-live"])
    assert provider.findChild(QLineEdit, names.GUEST_NAME).text() == "", "the next guest has another name"


def test_the_link_is_copied_whole(provider, qapp):
    provider.show_view(samples.provider_views()["visit-guest-invited"])
    assert click(provider, names.GUEST_COPY)["ok"]
    assert qapp.clipboard().text() == samples.PROVIDER_VISITS["guest-invited"].guest.link


def test_a_patient_cannot_invite(patient):
    patient.show_view(samples.patient_views()["visit-guest"])
    for name in (names.GUEST_INVITE, names.GUEST_DISMISS, names.GUEST_LINK):
        assert patient.findChild(QWidget, name) is None
