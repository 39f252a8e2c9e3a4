"""WebSocket /v1/events: the waiting room, signalling, and word of what has changed."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from fastapi import APIRouter, WebSocket
from pydantic import ValidationError
from starlette.websockets import WebSocketDisconnect

from app.clinic import schedule, tokens
from app.clinic.connections import CloseCode, Connection
from app.clinic.context import Clinic, clinic_of
from app.clinic.guests import TooManyGuests
from app.clinic.limits import SlidingWindow, TokenBucket
from app.clinic.problems import Refusal
from app.clinic.rooms import NotInVisit
from app.clinic.routes.sockets import receive_text, serve_until_closed
from app.wire import API
from app.wire.errors import ErrorCode
from app.wire.guests import CloseGuest, OpenGuest, SendGuest
from app.wire.messages import (
    ClientMessage,
    Enter,
    Hello,
    Leave,
    Ping,
    Pong,
    Refused,
    SendSignal,
    Welcome,
    client_message,
)
from app.wire.trust import Role

log = logging.getLogger(__name__)
router = APIRouter(prefix=API)

_HELLO_S = 10.0
_CLOSE_S = 2.0
_FAULTS = 20
_FAULTS_PERIOD_S = 60.0
_MESSAGES_A_SECOND = 20.0
_MESSAGES_AT_ONCE = 60.0
_MAX_GREETING = 256

_greeting = 0  # connections of this process that have not said who they are


@router.websocket("/events")
async def events(socket: WebSocket) -> None:
    global _greeting
    if _greeting >= _MAX_GREETING:
        raise Refusal(ErrorCode.TOO_MANY_TRIES, "too many connections are waiting to sign in", status=503)
    clinic = clinic_of(socket)
    _greeting += 1
    try:
        await socket.accept()
        connection = await _greet(clinic, socket)
    except (WebSocketDisconnect, RuntimeError):  # the client went away; Starlette has two words for it
        return
    finally:
        _greeting -= 1
    if connection is None:
        await _close(socket, CloseCode.NOT_SIGNED_IN)
        return
    clinic.connections.add(connection, Welcome(device_id=connection.actor.device_id))
    clinic.guests.tell(connection.actor.device_id)
    try:
        reading = _read(clinic, socket, connection)
        code = await serve_until_closed(socket, reading, connection.next, connection.closing)
    finally:
        clinic.connections.remove(connection)
    if code is not None:
        await _close(socket, code)


async def _greet(clinic: Clinic, socket: WebSocket) -> Connection | None:
    """The connection of a device that said hello with a good token; None otherwise, with the reason sent."""
    refused = Refused(code=ErrorCode.BAD_REQUEST.value, detail="the first message has to be hello with the token")
    try:
        async with asyncio.timeout(_HELLO_S):
            message = await _receive(socket)
        if isinstance(message, Hello):
            return Connection(await asyncio.to_thread(tokens.actor_of, clinic.database, message.token, clinic.now()))
    except (TimeoutError, ValidationError):
        pass
    except Refusal as refusal:
        refused = Refused(code=refusal.code.value, detail="the token is not valid (any more)")
    await socket.send_text(refused.model_dump_json())
    return None


async def _read(clinic: Clinic, socket: WebSocket, connection: Connection) -> CloseCode | None:
    faults = SlidingWindow(_FAULTS, _FAULTS_PERIOD_S)
    pace = TokenBucket(_MESSAGES_A_SECOND, _MESSAGES_AT_ONCE)
    while True:
        try:
            message = await _receive(socket)
            await _act(clinic, connection, message)
        except WebSocketDisconnect:
            return None
        except ValidationError:
            if faults.full(clinic.monotonic()):
                return CloseCode.TOO_MANY_FAULTS
            faults.add(clinic.monotonic())
            connection.send(Refused(code=ErrorCode.BAD_REQUEST.value, detail="the message cannot be read"))
        except NotInVisit:
            connection.send(Refused(code=ErrorCode.NOT_FOUND.value, detail="no such visit, or nobody there"))
        except TooManyGuests:
            connection.send(Refused(code=ErrorCode.TOO_MANY_TRIES.value, detail="too many guests' links"))
        wait = pace.take(clinic.monotonic())
        if wait > 0:
            await asyncio.sleep(wait)  # not reading is what slows a sender down


async def _act(clinic: Clinic, connection: Connection, message: ClientMessage) -> None:
    match message:
        case Enter(visit_id=visit_id):
            participants = await asyncio.to_thread(schedule.participants, clinic.database, visit_id)
            clinic.connections.enter(connection, visit_id, participants)
        case Leave(visit_id=visit_id):
            clinic.connections.leave(connection, visit_id)
            clinic.guests.left(connection.actor.device_id, visit_id)
        case SendSignal():
            clinic.connections.signal(connection, message)
        case OpenGuest():
            if connection.actor.role is not Role.PROVIDER:
                raise NotInVisit
            participants = await asyncio.to_thread(schedule.participants, clinic.database, message.visit_id)
            clinic.guests.open(connection.actor.device_id, message, participants)
        case CloseGuest():
            clinic.guests.close(connection.actor.device_id, message)
        case SendGuest():
            clinic.guests.say(connection.actor.device_id, message)
        case Ping(n=n):
            connection.send(Pong(n=n))
        case Hello():
            connection.send(Refused(code=ErrorCode.BAD_REQUEST.value, detail="hello has been said"))
        case _:
            raise AssertionError(f"no way for {type(message).__name__}")


async def _receive(socket: WebSocket) -> ClientMessage:
    """The next message; raises ValidationError for one that is none of ours, WebSocketDisconnect at the end."""
    return client_message.validate_json(await receive_text(socket))


async def _close(socket: WebSocket, code: CloseCode) -> None:
    """A close frame, if the client still takes one within a moment."""
    with contextlib.suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
        async with asyncio.timeout(_CLOSE_S):
            await socket.close(code)
