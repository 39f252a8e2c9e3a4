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


@pytest.mark.parametrize("state", ["visit-guest", "visit-guest-away"])
def test_nothing_lies_over_the_words_not_verified_in_the_least_window(provider, qapp, state):
    provider.resize(640, 480)
    provider.show_view(samples.provider_views()[state])
    for _ in range(4):
        qapp.processEvents()
    title = find(provider, names.VISIT_GUEST_TITLE)
    assert title.height() >= title.heightForWidth(title.width()), "no line is cut"
    for place in (title.rect().topLeft(), title.rect().center(), title.rect().bottomRight()):
        assert provider.childAt(title.mapTo(provider, place)) is title
    assert find(provider, names.visit_view("talk")) is None
    provider.show_view(samples.provider_views()["visit-live"])
    assert find(provider, names.visit_view("talk")) is not None


@pytest.mark.parametrize("who", ["patient", "provider"])
def test_the_last_picture_stays_with_its_age_while_the_guest_is_away(request, qapp, who):
    window = request.getfixturevalue(who)
    window.resize(1024, 720)
    window.show_view(getattr(samples, f"{who}_views")()["visit-guest-away"])
    qapp.processEvents()
    title = find(window, names.VISIT_GUEST_TITLE)
    assert said(title) == "Ana Reyes (interpreter, not verified)\nPicture from 9 seconds ago"
    assert find(window, names.VISIT_GUEST_PICTURE).height() > 80
    assert title.height() >= title.heightForWidth(title.width()), "no line is cut"


def test_the_guest_is_a_press_away_while_words_are_open(provider, commands, qapp):
    provider.resize(1024, 720)
    provider.show_view(samples.provider_views()["visit-guest-words"])  # the patient wrote: words come up by themselves
    assert find(provider, names.WORDS_FIELD) is not None
    assert find(provider, names.GUEST_DISMISS) is None
    assert click(provider, names.VISIT_TO_GUEST)["ok"]
    assert find(provider, names.VISIT_HANGUP) is not None
    more = samples.PROVIDER_VISITS["guest-words"]
    more = samples.replace(more, words=samples.replace(more.words, lines=(*more.words.lines, new_line(more))))
    provider.show_view(samples.provider(samples.Page.VISIT, visit=more))
    assert find(provider, names.WORDS_FIELD) is None, "what is written now does not take the guest away again"
    assert said(find(provider, names.VISIT_WORDS)) == "1 new"
    assert click(provider, names.GUEST_DISMISS)["ok"]
    assert commands.calls[-1] == ("dismiss_guest", ())
    assert click(provider, names.VISIT_WORDS)["ok"]
    assert find(provider, names.WORDS_FIELD) is not None


def new_line(visit):
    return samples.replace(visit.words.lines[0], key="later", text="And now?")


@pytest.mark.parametrize("state", ["visit-guest", "visit-guest-invited", "visit-live"])
def test_the_guest_is_a_press_away_in_the_least_window(provider, commands, qapp, state):
    provider.resize(640, 480)
    provider.show_view(samples.provider_views()[state])
    qapp.processEvents()
    assert click(provider, names.VISIT_TO_GUEST)["ok"]
    if state == "visit-live":
        assert click(provider, names.GUEST_INVITE)["ok"]
    else:
        assert click(provider, names.GUEST_DISMISS)["ok"]
    assert commands.calls[-1][0] == ("invite_guest" if state == "visit-live" else "dismiss_guest")
    assert find(provider, names.VISIT_HANGUP) is None
    assert click(provider, names.GUEST_CLOSE)["ok"]
    assert find(provider, names.VISIT_HANGUP) is not None
    assert (provider.width(), provider.height()) == (640, 480)
