"""The outermost layer: the protocol's header on every answer, bounded bodies, and no exception gets out."""

from __future__ import annotations

import asyncio
import logging
import traceback

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.clinic.problems import Refusal, problem_response
from app.wire import API, MAX_JSON_BYTES, PROTOCOL_HEADER, PROTOCOL_VERSION
from app.wire.errors import ErrorCode
from app.wire.forms import MAX_FORM_BYTES
from app.wire.intake import TUS_VERSION

log = logging.getLogger(__name__)

UPLOADS = f"{API}/uploads"
FORMS = f"{API}/forms/"
EVENTS = f"{API}/events"
GUEST = f"{API}/guest"
_BODY_DEADLINE_S = 120.0
_DRAIN_BYTES = 256 * 1024
_DRAIN_S = 3.0
_ANSWERING = ("http.response.start", "websocket.accept", "websocket.http.response.start")


class _ClientGone(Exception):
    """The client ended the request before its body was whole."""


class Guard:
    """ASGI middleware. Bodies of all but the uploads are read here, up to MAX_JSON_BYTES (a form's definition up to
    MAX_FORM_BYTES), before a route runs."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def marked(message: Message) -> None:
            nonlocal started
            if message["type"] in _ANSWERING:
                started = True
                MutableHeaders(scope=message)[PROTOCOL_HEADER] = PROTOCOL_VERSION
            await send(message)

        run = _RUN.get(scope["type"])
        if run is None:
            await self._app(scope, receive, send)
            return
        try:
            await run(self._app, scope, receive, marked)
        except _ClientGone:
            return
        except Refusal as refusal:
            if started:
                raise
            await problem_response(refusal)(scope, receive, marked)
        except Exception as exc:
            # The message of an exception may quote what a device sent: only its type and place are logged.
            places = "".join(traceback.format_tb(exc.__traceback__))
            log.error("%s %s failed: %s\n%s", scope.get("method", ""), _place(scope), type(exc).__name__, places)
            if started:
                raise RuntimeError("failed after the answer began") from None
            await problem_response(Refusal(ErrorCode.INTERNAL))(scope, receive, marked)


async def _http(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"].startswith(UPLOADS):
        await _upload(app, scope, receive, send)
        return
    body = await _bounded_body(scope, receive, MAX_FORM_BYTES if scope["path"].startswith(FORMS) else MAX_JSON_BYTES)
    replayed = False

    async def replay() -> Message:
        nonlocal replayed
        if replayed:
            return await receive()
        replayed = True
        return {"type": "http.request", "body": body, "more_body": False}

    await app(scope, replay, send)


async def _upload(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """A body that is streamed: when it is refused, some of the rest is read first."""
    _override(scope)
    over = False

    async def watched() -> Message:
        nonlocal over
        message = await receive()
        over = over or message["type"] == "http.disconnect" or not message.get("more_body", False)
        return message

    async def draining(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["Tus-Resumable"] = TUS_VERSION
            if message["status"] >= 400 and not over:
                await drain(watched)
        await send(message)

    await app(scope, watched, draining)


async def _websocket(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] not in (EVENTS, GUEST):
        raise Refusal(ErrorCode.NOT_FOUND)
    await app(scope, receive, send)


_RUN = {"http": _http, "websocket": _websocket}


async def _bounded_body(scope: Scope, receive: Receive, bound: int) -> bytes:
    declared = Headers(scope=scope).get("content-length", "")
    body = bytearray()
    try:
        if declared.isdecimal() and int(declared) > bound:
            await drain(receive)
            raise Refusal(ErrorCode.TOO_LARGE, f"a body may have {bound} bytes")
        async with asyncio.timeout(_BODY_DEADLINE_S):
            while True:
                piece, more = await _next_piece(receive)
                body += piece
                if len(body) > bound:
                    if more:
                        await drain(receive)
                    raise Refusal(ErrorCode.TOO_LARGE, f"a body may have {bound} bytes")
                if not more:
                    return bytes(body)
    except TimeoutError:
        raise Refusal(ErrorCode.BAD_REQUEST, "the body did not arrive in time", status=408) from None


async def _next_piece(receive: Receive) -> tuple[bytes, bool]:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise _ClientGone
    return message.get("body", b""), message.get("more_body", False)


async def drain(receive: Receive) -> None:
    """Reads a little of a body that will not be used: closing with unread bytes resets the connection, and the
    client would lose the answer."""
    left = _DRAIN_BYTES
    try:
        async with asyncio.timeout(_DRAIN_S):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return


def _override(scope: Scope) -> None:
    """X-HTTP-Method-Override (tus 1.0): for networks that let only GET and POST pass."""
    method = Headers(scope=scope).get("x-http-method-override", "").upper()
    if scope["method"] == "POST" and method in ("PATCH", "HEAD", "DELETE"):
        scope["method"] = method


def _place(scope: Scope) -> str:
    """The route, not the path: a path may carry identifiers."""
    route = scope.get("route")
    return str(getattr(route, "path", "an unknown route"))
