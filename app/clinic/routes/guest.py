"""The page for a guest's browser, and its signalling: WebSocket /v1/guest."""

from __future__ import annotations

import asyncio
import contextlib
from functools import cache
from pathlib import Path

from fastapi import APIRouter, WebSocket
from pydantic import ValidationError
from starlette.responses import Response
from starlette.websockets import WebSocketDisconnect

from app.clinic.context import Clinic, clinic_of
from app.clinic.guest_lines import Line
from app.clinic.guests import NotAdmitted
from app.clinic.limits import SlidingWindow, TokenBucket
from app.clinic.problems import Refusal
from app.clinic.rooms import NotInVisit
from app.clinic.routes.sockets import receive_text, serve_until_closed
from app.clinic.routes.trust import client_address
from app.clinic.turn import ice_config
from app.wire import API
from app.wire.errors import ErrorCode
from app.wire.guests import GuestEnd, GuestEnded, GuestHello, GuestMessage, GuestSay, GuestWelcome, guest_message

router = APIRouter()

_PAGE = Path(__file__).parents[1] / "page"
_FILES = {
    "": ("index.html", "text/html; charset=utf-8"),
    "guest.css": ("guest.css", "text/css; charset=utf-8"),
    "guest.js": ("guest.js", "text/javascript; charset=utf-8"),
    "line.js": ("line.js", "text/javascript; charset=utf-8"),
    "call.js": ("call.js", "text/javascript; charset=utf-8"),
    "pace.js": ("pace.js", "text/javascript; charset=utf-8"),
}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; media-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_HELLO_S = 10.0
_CLOSE_S = 2.0
_FAULTS, _FAULTS_PERIOD_S = 5, 60.0
_MESSAGES_A_SECOND, _MESSAGES_AT_ONCE = 0.5, 16.0
_MAX_GREETING = 64

_greeting = 0  # pages of this process that have not shown a link


@cache
def _file(name: str) -> bytes:
    return (_PAGE / name).read_bytes()


@router.get("/guest")
@router.get("/guest/")
def page() -> Response:
    return part("")


@router.get("/guest/{name}")
def part(name: str) -> Response:
    found = _FILES.get(name)
    if found is None:
        raise Refusal(ErrorCode.NOT_FOUND)
    return Response(_file(found[0]), media_type=found[1], headers=_HEADERS)


@router.websocket(f"{API}/guest")
async def signalling(socket: WebSocket) -> None:
    global _greeting
    if _greeting >= _MAX_GREETING:
        raise Refusal(ErrorCode.TOO_MANY_TRIES, "too many pages are waiting", status=503)
    clinic = clinic_of(socket)
    _greeting += 1
    try:
        await socket.accept()
        admitted = await _greet(clinic, socket)
    except (WebSocketDisconnect, RuntimeError):  # the page went away; Starlette has two words for it
        return
    finally:
        _greeting -= 1
    if isinstance(admitted, GuestEnd):
        await _end(socket, admitted)
        return
    try:
        reason = await _serve(clinic, socket, admitted)
    finally:
        clinic.guests.remove(admitted)
    if reason is not None:
        await _end(socket, reason)


async def _greet(clinic: Clinic, socket: WebSocket) -> Line | GuestEnd:
    try:
        async with asyncio.timeout(_HELLO_S):
            message = await _receive(socket)
        if not isinstance(message, GuestHello):
            return GuestEnd.FAULTS
        return clinic.guests.admit(client_address(socket), message.admission, message.page)
    except (TimeoutError, ValidationError):
        return GuestEnd.FAULTS
    except NotAdmitted as exc:
        return exc.reason


async def _serve(clinic: Clinic, socket: WebSocket, line: Line) -> GuestEnd | None:
    """Until the page goes (None) or there is a reason to end it."""
    ice = ice_config(clinic.settings.ice, line.guest_id, clinic.now().timestamp())
    line.send(GuestWelcome(guest_id=line.guest_id, ice=ice))
    clinic.guests.arrived(line)
    return await serve_until_closed(socket, _read(clinic, socket, line), line.next, line.closing)


async def _read(clinic: Clinic, socket: WebSocket, line: Line) -> GuestEnd | None:
    faults = SlidingWindow(_FAULTS, _FAULTS_PERIOD_S)
    pace = TokenBucket(_MESSAGES_A_SECOND, _MESSAGES_AT_ONCE)
    while True:
        try:
            message = await _receive(socket)
            if not isinstance(message, GuestSay):
                return GuestEnd.FAULTS
            clinic.guests.hear(line, message)
        except WebSocketDisconnect:
            return None
        except (ValidationError, NotInVisit):
            if faults.full(clinic.monotonic()):
                return GuestEnd.FAULTS
            faults.add(clinic.monotonic())
        wait = pace.take(clinic.monotonic())
        if wait > 0:
            await asyncio.sleep(wait)  # not reading is what slows a sender down


async def _receive(socket: WebSocket) -> GuestMessage:
    """Raises ValidationError for what is none of ours, WebSocketDisconnect at the end."""
    return guest_message.validate_json(await receive_text(socket))


async def _end(socket: WebSocket, reason: GuestEnd) -> None:
    """The reason and a close frame, if the page still takes them within a moment."""
    with contextlib.suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
        async with asyncio.timeout(_CLOSE_S):
            await socket.send_text(GuestEnded(reason=reason).model_dump_json())
            await socket.close()
