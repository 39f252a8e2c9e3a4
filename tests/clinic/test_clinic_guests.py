"""Guests at the service: links that open once, end with the visit, and lead nowhere else; and the page itself."""

import asyncio
import contextlib
import json
import secrets

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from app.clinic.guests import LINK_S, MOST_IN_VISIT, SEAT_S, Guests, NotAdmitted, TooManyGuests
from app.clinic.rooms import NotInVisit
from app.wire.base import b64encode
from app.wire.guests import GuestEnd, GuestLink

LEE, ANN, VISIT = "leesdevice01", "annsdevice01", "visit00001"
PAGE, OTHER = b"p" * 16, b"o" * 16


@pytest.fixture
def link():
    return GuestLink.new()


@pytest.fixture
def guests(link):
    made = Guests()
    made.open(LEE, link.guest_id, VISIT, (LEE, ANN), 0.0)
    return made


def refused(guests, link, page=PAGE, now=1.0):
    with pytest.raises(NotAdmitted) as caught:
        guests.admit(link.admission, page, now)
    return caught.value.reason


def test_the_first_page_takes_the_link_and_may_come_back(guests, link):
    assert guests.admit(link.admission, PAGE, 1.0).page == PAGE
    assert refused(guests, link, OTHER) is GuestEnd.USED
    assert guests.admit(link.admission, PAGE, LINK_S + 5).present, "a used link does not run out with the unused ones"


def test_an_unknown_an_old_and_a_closed_link(guests, link):
    assert refused(guests, GuestLink.new()) is GuestEnd.UNKNOWN
    assert [seat.guest_id for seat in guests.close(LEE, link.guest_id)] == [link.guest_id]
    assert refused(guests, link) is GuestEnd.OVER
    late = GuestLink.new()
    guests.open(LEE, late.guest_id, VISIT, (LEE, ANN), 0.0)
    assert refused(guests, late, now=LINK_S) is GuestEnd.EXPIRED


def test_a_seat_has_an_end(guests, link):
    guests.admit(link.admission, PAGE, 1.0)
    assert refused(guests, link, now=SEAT_S + 1.0) is GuestEnd.EXPIRED


def test_only_who_takes_part_opens_closes_and_talks(guests, link):
    with pytest.raises(NotInVisit):
        guests.open("stranger01", GuestLink.new().guest_id, VISIT, (LEE, ANN), 0.0)
    with pytest.raises(NotInVisit):
        guests.open(ANN, link.guest_id, VISIT, (LEE, ANN), 0.0)
    assert guests.close(ANN, link.guest_id) == ()
    with pytest.raises(NotInVisit):
        guests.of(LEE, link.guest_id)  # nobody has come
    guests.admit(link.admission, PAGE, 1.0)
    assert guests.of(ANN, link.guest_id).visit_id == VISIT
    for call in (lambda: guests.of("stranger01", link.guest_id), lambda: guests.to(link.guest_id, "stranger01")):
        with pytest.raises(NotInVisit):
            call()


def test_a_visit_has_few_guests_and_takes_them_along(guests):
    for _ in range(MOST_IN_VISIT - 1):
        guests.open(LEE, GuestLink.new().guest_id, VISIT, (LEE, ANN), 0.0)
    with pytest.raises(TooManyGuests):
        guests.open(LEE, GuestLink.new().guest_id, VISIT, (LEE, ANN), 0.0)
    assert guests.leave(ANN, VISIT) == (), "the patient's going ends nobody's link"
    assert len(guests.leave(LEE, VISIT)) == MOST_IN_VISIT
    assert guests.close_visit(VISIT) == ()


def test_what_is_remembered_of_ended_links_is_bounded(guests):
    for _ in range(1500):
        one = GuestLink.new()
        guests.open(LEE, one.guest_id, "visit00002", (LEE, ANN), 0.0)
        guests.close(LEE, one.guest_id)
    assert len(guests._ended) <= 1024


def test_a_used_link_is_opened_again_after_a_restart_of_the_service(link):
    anew = Guests()
    anew.open(LEE, link.guest_id, VISIT, (LEE, ANN), 0.0)
    anew.open(LEE, link.guest_id, VISIT, (LEE, ANN), 0.0)
    assert anew.admit(link.admission, PAGE, 1.0).owner == LEE


# The running service


@pytest.mark.parametrize(
    "path",
    ["/guest", "/guest/", "/guest/guest.js", "/guest/line.js", "/guest/call.js", "/guest/pace.js", "/guest/guest.css"],
)
def test_the_page_runs_nothing_but_its_own_files(clinic, path):
    with httpx.Client(base_url=clinic.url) as client:
        answer = client.get(path)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    for evil in ("innerHTML", "document.write", "eval(", "<script>", "style=", "onclick"):
        assert evil not in answer.text


def test_no_other_file_is_served(clinic):
    with httpx.Client(base_url=clinic.url) as client:
        for name in ("index.html", "..%2fserver.py", "../server.py", "guest.py"):
            assert client.get(f"/guest/{name}").status_code == 404


def url_of(clinic, path):
    return clinic.url.replace("http", "ws", 1) + path


async def page(stack, clinic, link, secret=PAGE):
    socket = await stack.enter_async_context(connect(url_of(clinic, "/v1/guest")))
    hello = {"type": "hello", "admission": b64encode(link.admission), "page": b64encode(secret)}
    await socket.send(json.dumps(hello))
    return socket


async def device(stack, clinic, who):
    socket = await stack.enter_async_context(connect(url_of(clinic, "/v1/events")))
    await socket.send(json.dumps({"type": "hello", "token": who.token}))
    assert json.loads(await socket.recv())["type"] == "welcome"
    return socket


async def told(socket, kind):
    async with asyncio.timeout(10):
        while True:
            message = json.loads(await socket.recv())
            if message["type"] == kind:
                return message


def test_steps_go_both_ways_and_the_link_ends_with_the_visit(clinic, provider, patient):
    async def run():
        link = GuestLink.new()
        visit_id = provider.add_visit(patient)
        async with contextlib.AsyncExitStack() as stack:
            lee = await device(stack, clinic, provider)
            ann = await device(stack, clinic, patient)
            await lee.send(json.dumps({"type": "enter", "visit_id": visit_id}))
            await lee.send(json.dumps({"type": "open-guest", "visit_id": visit_id, "guest_id": link.guest_id}))
            await lee.send(json.dumps({"type": "ping", "n": 1}))
            await told(lee, "pong")
            ana = await page(stack, clinic, link)
            assert (await told(ana, "welcome"))["guest_id"] == link.guest_id
            for who in (lee, ann):
                assert (await told(who, "guest-seen"))["present"] is True
            for to, socket in ((provider, lee), (patient, ann)):
                await ana.send(json.dumps({"type": "say", "to": to.device_id, "box": b64encode(b"sealed")}))
                assert (await told(socket, "guest-said"))["box"] == b64encode(b"sealed")
                await socket.send(
                    json.dumps({"type": "send-guest", "guest_id": link.guest_id, "box": b64encode(b"back")})
                )
                assert (await told(ana, "hears")) == {
                    "type": "hears",
                    "sender": to.device_id,
                    "box": b64encode(b"back"),
                }
            thief = await page(stack, clinic, link, OTHER)
            assert (await told(thief, "ended"))["reason"] == "used"
            await lee.send(json.dumps({"type": "leave", "visit_id": visit_id}))
            assert (await told(ana, "ended"))["reason"] == "over"
            assert (await told(ann, "guest-seen"))["present"] is False
            late = await page(stack, clinic, link)
            assert (await told(late, "ended"))["reason"] == "over"

    asyncio.run(run())


def test_a_patient_opens_no_link(clinic, provider, patient):
    async def run():
        link = GuestLink.new()
        visit_id = provider.add_visit(patient)
        async with contextlib.AsyncExitStack() as stack:
            ann = await device(stack, clinic, patient)
            await ann.send(json.dumps({"type": "open-guest", "visit_id": visit_id, "guest_id": link.guest_id}))
            assert (await told(ann, "refused"))["code"] == "not-found"
            ana = await page(stack, clinic, link)
            assert (await told(ana, "ended"))["reason"] == "unknown"

    asyncio.run(run())


@pytest.mark.parametrize(
    "first", ["", "{", '{"type":"say"}', '{"type":"hello","admission":"aa","page":"aa"}', "x" * 300_000]
)
def test_nonsense_first_is_the_end(clinic, first):
    async def run():
        async with connect(url_of(clinic, "/v1/guest")) as socket:
            await socket.send(first)
            with contextlib.suppress(ConnectionClosed):
                assert (await told(socket, "ended"))["reason"] == "faults"

    asyncio.run(run())


def test_a_page_that_sends_rubbish_is_closed_off(clinic, provider, patient):
    async def run():
        link = GuestLink.new()
        visit_id = provider.add_visit(patient)
        async with contextlib.AsyncExitStack() as stack:
            lee = await device(stack, clinic, provider)
            await lee.send(json.dumps({"type": "open-guest", "visit_id": visit_id, "guest_id": link.guest_id}))
            await lee.send(json.dumps({"type": "ping", "n": 1}))
            await told(lee, "pong")
            ana = await page(stack, clinic, link)
            for _ in range(8):
                await ana.send(json.dumps({"type": "say", "to": secrets.token_hex(8), "box": "aaaa"}))
            assert (await told(ana, "ended"))["reason"] == "faults"
            assert (await told(lee, "guest-seen"))["present"] is True
            assert (await told(lee, "guest-seen"))["present"] is False

    asyncio.run(run())
