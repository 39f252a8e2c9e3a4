"""The WebSocket of the real service: waiting room, signalling, word of changes, and clients that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app.clinic.ids import new_id
from app.wire import MAX_JSON_BYTES, PROTOCOL_HEADER
from app.wire.errors import ErrorCode
from tests.clinic.people import Device, deliver, new_blob
from tests.clinic.service import RunningClinic

PATIENCE_S = 15.0


def url(clinic: RunningClinic) -> str:
    return clinic.url.replace("http", "ws", 1) + "/v1/events"


class Talk:
    """One device's connection after its Welcome."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def say(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def hear(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            message: dict[str, Any] = json.loads(await self.socket.recv())
            return message

    async def until(self, **wanted: Any) -> dict[str, Any]:
        """The first message with these fields; earlier ones are passed over."""
        while True:
            message = await self.hear()
            if wanted.items() <= message.items():
                return message

    async def closed(self) -> int:
        """The close code; TimeoutError when it does not come."""
        async with asyncio.timeout(PATIENCE_S):
            with contextlib.suppress(ConnectionClosed):
                async for _ in self.socket:
                    pass
        assert self.socket.close_code is not None
        return self.socket.close_code

    async def silent(self) -> None:
        """Nothing was sent before the answer to a ping: messages keep their order."""
        await self.say(type="ping", n=7)
        assert await self.hear() == {"type": "pong", "n": 7}


@asynccontextmanager
async def talk(device: Device) -> AsyncIterator[Talk]:
    async with connect(url(device.clinic)) as socket:
        assert socket.response is not None
        assert socket.response.headers[PROTOCOL_HEADER] == "1"
        one = Talk(socket)
        await one.say(type="hello", token=device.token)
        assert await one.hear() == {"type": "welcome", "device_id": device.device_id}
        yield one


def presence(visit: str, device: Device, present: bool) -> dict[str, Any]:
    return {"type": "presence", "visit_id": visit, "device_id": device.device_id, "present": present}


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(60):
            await test()

    asyncio.run(limited())


@pytest.fixture
def pair(provider: Device) -> tuple[Device, Device, str]:
    """A fresh patient and provider, and their visit."""
    patient, other = provider.newcomer(), provider
    return patient, other, provider.add_visit(patient)


def test_the_waiting_room(pair: tuple[Device, Device, str]) -> None:
    patient, provider, visit = pair

    async def story() -> None:
        async with talk(provider) as desk:
            async with talk(patient) as home:
                await home.say(type="enter", visit_id=visit)
                assert await home.hear() == presence(visit, patient, True)
                assert await desk.hear() == presence(visit, patient, True)
                await desk.say(type="enter", visit_id=visit)
                assert [await desk.hear(), await desk.hear()] == [
                    presence(visit, patient, True),
                    presence(visit, provider, True),
                ]
                assert await home.hear() == presence(visit, provider, True)
                await desk.say(type="leave", visit_id=visit)
                assert await home.hear() == presence(visit, provider, False)
                await home.silent()
            assert await desk.hear() == presence(visit, patient, False)

    run(story)


def test_who_waits_is_told_on_connecting(pair: tuple[Device, Device, str]) -> None:
    patient, provider, visit = pair

    async def story() -> None:
        async with talk(patient) as home:
            await home.say(type="enter", visit_id=visit)
            await home.hear()
            async with talk(provider) as desk:
                assert await desk.hear() == presence(visit, patient, True)

    run(story)


def test_a_cut_connection_leaves_the_room(pair: tuple[Device, Device, str]) -> None:
    patient, provider, visit = pair

    async def story() -> None:
        async with talk(provider) as desk, talk(patient) as home:
            await home.say(type="enter", visit_id=visit)
            await desk.until(**presence(visit, patient, True))
            home.socket.transport.abort()
            await desk.until(**presence(visit, patient, False))

    run(story)


def test_signals_are_handed_on_unread(pair: tuple[Device, Device, str]) -> None:
    patient, provider, visit = pair
    body = {"payload": "cGF5bG9hZA", "signature": "c2ln"}

    async def story() -> None:
        async with talk(provider) as desk, talk(patient) as home:
            await desk.say(type="signal", visit_id=visit, to=patient.device_id, body=body)
            assert (await desk.hear())["code"] == ErrorCode.NOT_FOUND  # nobody is there
            await home.say(type="enter", visit_id=visit)
            await desk.until(**presence(visit, patient, True))
            await desk.say(type="signal", visit_id=visit, to=patient.device_id, body=body)
            signal = await home.until(type="signal")
            assert signal == {"type": "signal", "visit_id": visit, "sender": provider.device_id, "body": body}

    run(story)


def test_strangers_neither_enter_nor_signal(pair: tuple[Device, Device, str]) -> None:
    patient, provider, visit = pair
    stranger = provider.newcomer()
    body = {"payload": "cGF5bG9hZA", "signature": "c2ln"}

    async def story() -> None:
        async with talk(patient) as home, talk(stranger) as other:
            await home.say(type="enter", visit_id=visit)
            await home.hear()
            for message in (
                {"type": "enter", "visit_id": visit},
                {"type": "enter", "visit_id": new_id()},
                {"type": "signal", "visit_id": visit, "to": patient.device_id, "body": body},
            ):
                await other.say(**message)
                answer = await other.hear()
                assert (answer["type"], answer["code"]) == ("refused", ErrorCode.NOT_FOUND)
            await home.silent()

    run(story)


def test_a_second_connection_replaces_the_first(pair: tuple[Device, Device, str]) -> None:
    patient, provider, visit = pair

    async def story() -> None:
        async with talk(provider) as desk, talk(patient) as old:
            await old.say(type="enter", visit_id=visit)
            await desk.until(**presence(visit, patient, True))
            async with talk(patient) as new:
                assert await old.closed() == 4001
                await desk.until(**presence(visit, patient, False))
                await new.say(type="enter", visit_id=visit)
                await desk.until(**presence(visit, patient, True))
                await desk.silent()

    run(story)


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ('{"type":"hello","token":"wrong"}', ErrorCode.TOKEN_INVALID),
        ('{"type":"ping","n":1}', ErrorCode.BAD_REQUEST),
        ("hello", ErrorCode.BAD_REQUEST),
        (b"\x00\xff", ErrorCode.BAD_REQUEST),
    ],
)
def test_no_welcome_without_a_token(clinic: RunningClinic, first: str | bytes, code: ErrorCode) -> None:
    async def story() -> None:
        async with connect(url(clinic)) as socket:
            await socket.send(first)
            one = Talk(socket)
            answer = await one.hear()
            assert (answer["type"], answer["code"]) == ("refused", code)
            assert await one.closed() == 4003

    run(story)


def test_no_hello_ends_the_connection(clinic: RunningClinic) -> None:
    async def story() -> None:
        async with connect(url(clinic)) as socket:
            assert await Talk(socket).closed() == 4003

    run(story)


def test_another_path_is_refused_with_the_header(clinic: RunningClinic) -> None:
    async def story() -> None:
        with pytest.raises(InvalidStatus) as caught:
            await connect(clinic.url.replace("http", "ws", 1) + "/v1/else")
        response = caught.value.response
        assert (response.status_code, response.headers[PROTOCOL_HEADER]) == (404, "1")

    run(story)


def test_malformed_messages_are_refused_and_a_flood_ends_it(provider: Device) -> None:
    device = provider.newcomer()
    wrong = [
        "",
        "[]",
        "{",
        '{"type":"enter"}',
        '{"type":"enter","visit_id":"X"}',
        '{"type":"ping","n":1,"m":2}',
        "null",
    ]

    async def story() -> None:
        async with talk(device) as one:
            for text in wrong:
                await one.socket.send(text)
                answer = await one.hear()
                assert (answer["type"], answer["code"]) == ("refused", ErrorCode.BAD_REQUEST)
            await one.say(type="hello", token=device.token)
            assert (await one.hear())["code"] == ErrorCode.BAD_REQUEST
            await one.silent()
            for _ in range(20 - len(wrong) + 1):
                await one.socket.send(b"noise")
            assert await one.closed() == 4002

    run(story)


def test_a_message_beyond_the_bound_ends_the_connection(provider: Device) -> None:
    device = provider.newcomer()

    async def story() -> None:
        async with talk(device) as one:
            await one.socket.send("x" * (MAX_JSON_BYTES + 1))
            assert await one.closed() == 1009

    run(story)


def test_a_device_that_does_not_read_is_let_go(pair: tuple[Device, Device, str]) -> None:
    """Large signals to one that takes none: its way out is bounded, and the sender goes on."""
    patient, provider, visit = pair
    body = {"payload": "A" * 180_000, "signature": "c2ln"}

    async def story() -> None:
        async with talk(provider) as desk, talk(patient) as home:
            await home.say(type="enter", visit_id=visit)
            await desk.until(**presence(visit, patient, True))
            home.socket.transport.pause_reading()
            gone = asyncio.ensure_future(desk.until(**presence(visit, patient, False)))
            while not gone.done():
                await desk.say(type="signal", visit_id=visit, to=patient.device_id, body=body)
            await gone
            home.socket.transport.resume_reading()
            assert await home.closed() == 4008
            await desk.say(type="ping", n=1)
            await desk.until(type="pong")

    run(story)


def test_changes_reach_whom_they_concern(pair: tuple[Device, Device, str]) -> None:
    patient, provider, _ = pair

    async def story() -> None:
        async with talk(provider) as desk, talk(patient) as home:

            async def ask(device: Device, method: str, path: str, body: Any = None, status: int = 204) -> None:
                answer = await asyncio.to_thread(device.request, method, path, body)
                assert answer.status_code == status

            second = await asyncio.to_thread(provider.add_visit, patient)
            assert [await home.hear(), await desk.hear()] == [{"type": "changed", "what": "visits"}] * 2
            await ask(provider, "DELETE", f"/v1/visits/{second}")
            assert [await home.hear(), await desk.hear()] == [{"type": "changed", "what": "visits"}] * 2
            blob = new_blob(1000)
            await asyncio.to_thread(deliver, patient, [blob])
            assert await home.hear() == {"type": "changed", "what": "submissions"}
            assert await desk.hear() == {"type": "changed", "what": "inbox"}
            await ask(provider, "PUT", f"/v1/devices/{patient.device_id}/record", provider.record_of(patient))
            assert [await home.hear(), await desk.hear()] == [{"type": "changed", "what": "team"}] * 2
            await asyncio.to_thread(provider.newcomer)
            assert await desk.hear() == {"type": "changed", "what": "devices"}
            await home.silent()

    run(story)


def test_a_removed_visit_ends_its_waiting_room(pair: tuple[Device, Device, str]) -> None:
    patient, provider, visit = pair

    async def story() -> None:
        async with talk(provider) as desk, talk(patient) as home:
            await home.say(type="enter", visit_id=visit)
            await desk.until(**presence(visit, patient, True))
            await asyncio.to_thread(provider.request, "DELETE", f"/v1/visits/{visit}")
            await desk.until(**presence(visit, patient, False))
            await home.until(type="changed", what="visits")
            await home.say(type="enter", visit_id=visit)
            assert (await home.until(type="refused"))["code"] == ErrorCode.NOT_FOUND

    run(story)
