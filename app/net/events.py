"""The device's standing connection to the clinic (WebSocket, RFC 6455): it comes back by itself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable

from pydantic import ValidationError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI, WebSocketException

from app.net.errors import BadAnswer, NetError, NotTheClinic, Unreachable
from app.net.http import ClinicHttp, transport_error
from app.wire import API, MAX_JSON_BYTES, PROTOCOL_HEADER, PROTOCOL_VERSION
from app.wire.messages import ClientMessage, Hello, ServerMessage, Welcome, server_message

log = logging.getLogger(__name__)

RETRY_DELAYS_S = (0.0, 0.3, 1.2, 2.7, 4.8, 7.0)
"""The last one repeats (the gaps LiveKit's clients use)."""

_PING_EVERY_S = 4.0
_PING_ANSWER_S = 6.0
_HANDSHAKE_S = 12.0
_OUTGOING = 64


class _Connect(connect):
    """Follows no redirect: the clinic gives none, a portal does."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class EventStream:
    """Runs until cancelled: connects, signs in, hands on messages, reconnects.

    `on_message` gets every message after Welcome; `on_state` gets None when the connection stands and the
    :class:`NetError` when it does not; `on_fault` gets the error of a message that could not be read and was dropped.
    All are called on the event loop and must not block.
    """

    def __init__(
        self,
        http: ClinicHttp,
        on_message: Callable[[ServerMessage], None],
        on_state: Callable[[NetError | None], None],
        on_fault: Callable[[NetError], None],
    ) -> None:
        self._http = http
        self._on_message = on_message
        self._on_state = on_state
        self._on_fault = on_fault
        self._outgoing: asyncio.Queue[ClientMessage] = asyncio.Queue(_OUTGOING)
        self._connected = False
        self._hurry = asyncio.Event()

    @property
    def connected(self) -> bool:
        return self._connected

    def send(self, message: ClientMessage) -> bool:
        """Queues a message for the standing connection; False when there is none (state is told anew then)."""
        if not self._connected:
            return False
        try:
            self._outgoing.put_nowait(message)
        except asyncio.QueueFull:
            return False
        return True

    def hurry(self) -> None:
        """Tries to connect at once instead of waiting for the next turn."""
        self._hurry.set()

    async def run(self) -> None:
        attempt = 0
        while True:
            try:
                await self._once()
                error: NetError = Unreachable("the connection ended")
                attempt = 0
            except NetError as exc:
                error = exc
            except Exception as exc:
                # Whatever an answer did to us: the device must not stay off line until somebody starts it anew.
                log.error("the connection failed unexpectedly", exc_info=exc)
                error = BadAnswer(type(exc).__name__)
            if self._connected:
                self._connected = False
                attempt = 0
            self._on_state(error)
            delay = RETRY_DELAYS_S[min(attempt, len(RETRY_DELAYS_S) - 1)]
            attempt += 1
            self._hurry.clear()
            with contextlib.suppress(TimeoutError):
                # Spread out, so that a restarted service is not met by all its devices at once.
                await asyncio.wait_for(self._hurry.wait(), delay * random.uniform(0.8, 1.2))  # noqa: S311

    async def _once(self) -> None:
        try:
            async with asyncio.timeout(_HANDSHAKE_S):
                token = await self._http.token()
                connection = await self._open()
        except TimeoutError as exc:
            raise Unreachable("no connection in time") from exc
        async with connection:
            await self._greet(connection, token)
            self._empty_outgoing()
            self._connected = True
            self._on_state(None)
            sender = asyncio.create_task(self._send_all(connection))
            try:
                await self._receive_all(connection)
            finally:
                sender.cancel()
                await asyncio.gather(sender, return_exceptions=True)

    async def _open(self) -> ClientConnection:
        url = self._http.base_url.replace("http", "ws", 1) + f"{API}/events"
        try:
            connection = await _Connect(
                url,
                ssl=self._http.tls if url.startswith("wss:") else None,
                max_size=MAX_JSON_BYTES,
                max_queue=16,
                ping_interval=_PING_EVERY_S,
                ping_timeout=_PING_ANSWER_S,
                close_timeout=1.0,
                open_timeout=None,
                compression=None,
                user_agent_header="thinline",
            )
        except InvalidURI as exc:
            raise NotTheClinic(str(exc)) from exc
        except InvalidHandshake as exc:
            raise NotTheClinic(type(exc).__name__) from exc
        except (OSError, WebSocketException) as exc:
            raise transport_error(exc) from exc
        response = connection.response
        if response is None or response.headers.get(PROTOCOL_HEADER) != PROTOCOL_VERSION:
            await connection.close()
            raise NotTheClinic("another protocol")
        return connection

    async def _greet(self, connection: ClientConnection, token: str) -> None:
        try:
            async with asyncio.timeout(_HANDSHAKE_S):
                await connection.send(Hello(token=token).model_dump_json())
                first = _parse(await connection.recv())
        except TimeoutError as exc:
            raise Unreachable("no welcome in time") from exc
        except ConnectionClosed as exc:
            self._http.forget_token()
            raise Unreachable(f"closed before the welcome ({exc.rcvd.code if exc.rcvd else 'no reason'})") from exc
        if not isinstance(first, Welcome):
            self._http.forget_token()
            raise BadAnswer("no welcome")

    async def _receive_all(self, connection: ClientConnection) -> None:
        try:
            async for text in connection:
                try:
                    message = _parse(text)
                except BadAnswer as exc:
                    log.info("a message of the clinic was dropped: %s", exc.detail)
                    self._on_fault(exc)
                    continue
                self._on_message(message)
        except ConnectionClosed as exc:
            raise Unreachable("the connection broke") from exc

    async def _send_all(self, connection: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                message = await self._outgoing.get()
                await connection.send(message.model_dump_json())

    def _empty_outgoing(self) -> None:
        while not self._outgoing.empty():
            self._outgoing.get_nowait()


def _parse(text: str | bytes) -> ServerMessage:
    if not isinstance(text, str):
        raise BadAnswer("a binary message")
    try:
        return server_message.validate_json(text)
    except ValidationError as exc:
        raise BadAnswer(f"a malformed message ({exc.error_count()} faults)") from exc
