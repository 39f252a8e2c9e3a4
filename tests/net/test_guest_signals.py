"""Sealed steps between an app and a guest's page: nobody else's, in order, from one page alone."""

import pytest

from app.net.guest_signals import GuestSignals
from app.net.signalling import ForgedSignal, OldSignal
from app.wire.guests import BrokenBox, GuestLink, GuestStep, open_step, seal_step

LEE, ANN = "leesdevice01", "annsdevice01"
LINK = GuestLink(bytes(range(16)))
PAGE = b"p" * 16


def app(device=LEE, link=LINK):
    return GuestSignals(link.guest_id, link.keys(device), "Dr Lee", "provider", lambda: 1000)


def said(sequence=1, page=PAGE, device=LEE, link=LINK, kind="answer", sdp="v=0"):
    step = GuestStep(kind=kind, call="0" * 16, sequence=sequence, sdp=sdp, page=page)
    return seal_step(step, link.keys(device).from_guest, link.guest_id)


def flipped(box):
    return box[:-1] + bytes([box[-1] ^ 1])


def test_what_is_said_arrives_with_the_name():
    box = app().wrap("offer", "0" * 16, "v=0")
    step = open_step(box, LINK.keys(LEE).to_guest, LINK.guest_id)
    assert (step.kind, step.sdp, step.name, step.role) == ("offer", "v=0", "Dr Lee", "provider")
    assert b"Lee" not in box


def test_the_page_is_heard_once():
    signals = app()
    box = said()
    assert signals.unwrap(box).sdp == "v=0"
    with pytest.raises(OldSignal):
        signals.unwrap(box)
    with pytest.raises(OldSignal):
        signals.unwrap(said(0))
    assert signals.unwrap(said(2)).sequence == 2


@pytest.mark.parametrize(
    "box",
    [
        b"",
        b"short",
        bytes(100),
        said(link=GuestLink(bytes(16))),
        said(device=ANN),
        said(page=b""),
        flipped(said()),
        app().wrap("offer", "0" * 16, "v=0"),  # our own words, sent back to us
    ],
)
def test_a_swapped_step_is_refused(box):
    with pytest.raises(ForgedSignal):
        app().unwrap(box)


def test_a_second_page_is_refused():
    signals = app()
    signals.unwrap(said())
    with pytest.raises(ForgedSignal):
        signals.unwrap(said(2, page=b"o" * 16))


def test_a_box_is_bound_to_the_guest():
    step = GuestStep(kind="bye", call="0" * 16, sequence=1)
    with pytest.raises(BrokenBox):
        open_step(seal_step(step, bytes(32), "guest00001"), bytes(32), "guest00002")


def test_the_link_shows_its_secret_to_nobody_but_its_holder():
    link = GuestLink.new()
    assert link.secret != GuestLink.new().secret
    url = link.url("https://clinic.example:8443/")
    assert url.startswith("https://clinic.example:8443/guest/#")
    assert len(url.partition("#")[2]) == 22
    assert repr(link) == "GuestLink()"
    values = (link.admission, *(k for d in (LEE, ANN) for k in (link.keys(d).to_guest, link.keys(d).from_guest)))
    assert len(set(values)) == 5, "no value tells another"


def test_the_page_derives_the_same():
    """Known answers, made with HMAC alone (RFC 5869): line.js has to agree with them (tests/e2e runs it)."""
    assert LINK.guest_id == "069a289f81e38c7ccab63c37b82f207dc171643f"
    assert LINK.keys(LEE).to_guest.hex() == "638218a4a3bed2400c6c40db6c18bdb1a7f6a24c4f1f80aa0aec69fc5b3dbc7a"
