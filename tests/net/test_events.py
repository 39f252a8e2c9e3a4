"""The standing connection against a scripted WebSocket service: real sockets."""

import asyncio
import contextlib

import pytest
from websockets.asyncio.server import serve

from app.net.errors import BadAnswer, NetError, NotTheClinic, Unreachable
from app.net.events import EventStream
from app.wire import PROTOCOL_HEADER, PROTOCOL_VERSION
from app.wire.messages import Changed, Enter, Hello, Pong, Welcome, client_message


class Http:
    """What of ClinicHttp the stream uses: an address and tokens."""

    tls = None

    def __init__(self, port):
        self.base_url = f"http://127.0.0.1:{port}"
        self.forgotten = 0

    async def token(self):
        return "token"

    def forget_token(self):
        self.forgotten += 1


class Heard:
    """Everything the stream told, and a way to wait for it."""

    def __init__(self):
        self.messages, self.states, self.faults = [], [], []
        self._moved = asyncio.Event()

    def __getattr__(self, name):
        def note(value):
            getattr(self, name[3:] + "s").append(value)
            self._moved.set()

        if name.startswith("on_"):
            return note
        raise AttributeError(name)

    async def until(self, condition):
        async with asyncio.timeout(10):
            while not condition(self):
                self._moved.clear()
                await self._moved.wait()


@contextlib.asynccontextmanager
async def streaming(behave):
    """A service that treats each connection with `behave(socket, number)`, and a stream connected to it."""
    count = 0

    async def handler(socket):
        nonlocal count
        count += 1
        await behave(socket, count)

    def mark(_connection, _request, response):
        response.headers[PROTOCOL_HEADER] = PROTOCOL_VERSION

    async with serve(handler, "127.0.0.1", 0, process_response=mark) as server:
        http, heard = Http(server.sockets[0].getsockname()[1]), Heard()
        stream = EventStream(http, heard.on_message, heard.on_state, heard.on_fault)
        task = asyncio.create_task(stream.run())
        try:
            yield stream, heard, http
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def welcome(socket):
    assert isinstance(client_message.validate_json(await socket.recv()), Hello)
    await socket.send(Welcome(device_id="device0001").model_dump_json())


def test_messages_come_in_and_go_out():
    async def behave(socket, _):
        await welcome(socket)
        assert client_message.validate_json(await socket.recv()) == Enter(visit_id="visit00001")
        await socket.send(Changed(what="visits").model_dump_json())
        await socket.wait_closed()

    async def run():
        async with streaming(behave) as (stream, heard, _):
            assert not stream.send(Enter(visit_id="visit00001"))
            await heard.until(lambda h: h.states == [None])
            assert stream.send(Enter(visit_id="visit00001"))
            await heard.until(lambda h: h.messages == [Changed(what="visits")])

    asyncio.run(run())


@pytest.mark.parametrize("garbage", ["", "{}", '{"type":"presence"}', '{"type":"boom"}', b"\0\1", "[" * 5000])
def test_a_malformed_message_is_told_once_and_the_connection_stands(garbage):
    async def behave(socket, _):
        await welcome(socket)
        await socket.send(garbage)
        await socket.send(Pong(n=1).model_dump_json())
        await socket.wait_closed()

    async def run():
        async with streaming(behave) as (_, heard, __):
            await heard.until(lambda h: h.messages == [Pong(n=1)])
            assert [type(fault) for fault in heard.faults] == [BadAnswer]
            assert heard.states == [None]

    asyncio.run(run())


def test_a_broken_connection_comes_back_by_itself():
    async def behave(socket, number):
        await welcome(socket)
        if number > 1:
            await socket.wait_closed()

    async def run():
        async with streaming(behave) as (stream, heard, _):
            await heard.until(lambda h: h.states.count(None) == 2)
            assert isinstance(heard.states[1], Unreachable)
            assert stream.connected

    asyncio.run(run())


def test_who_is_not_welcomed_signs_in_anew():
    async def behave(socket, number):
        if number == 1:
            await socket.recv()
            await socket.close(4003)
        else:
            await welcome(socket)
            await socket.wait_closed()

    async def run():
        async with streaming(behave) as (_, heard, http):
            await heard.until(lambda h: None in h.states)
            assert http.forgotten == 1
            assert isinstance(heard.states[0], NetError)

    asyncio.run(run())


def test_a_service_without_our_header_is_not_the_clinic():
    async def run():
        async with serve(welcome, "127.0.0.1", 0) as server:
            heard = Heard()
            http = Http(server.sockets[0].getsockname()[1])
            stream = EventStream(http, heard.on_message, heard.on_state, heard.on_fault)
            task = asyncio.create_task(stream.run())
            await heard.until(lambda h: h.states)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert isinstance(heard.states[0], NotTheClinic)

    asyncio.run(run())
