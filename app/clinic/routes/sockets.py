"""What the service's WebSockets share: a message in, messages out, and serving until one of them ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from fastapi import WebSocket
from pydantic import BaseModel
from starlette.websockets import WebSocketDisconnect

Reason = TypeVar("Reason")


async def receive_text(socket: WebSocket) -> str:
    """The next message's text, empty for one that has none; raises WebSocketDisconnect at the end."""
    event = await socket.receive()
    if event["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(event.get("code", 1005))
    return event.get("text") or ""


async def serve_until_closed(
    socket: WebSocket,
    reading: Coroutine[Any, Any, Reason | None],
    next_message: Callable[[], Awaitable[BaseModel]],
    closing: asyncio.Future[Reason],
) -> Reason | None:
    """Reads by `reading` and writes what `next_message` gives, until the client goes (None), or there is a reason to
    close: what `reading` returns, or `closing` holds.
    """
    tasks: set[asyncio.Future[Reason | None]] = {
        asyncio.ensure_future(reading),
        asyncio.ensure_future(_write(socket, next_message)),
    }
    waits: set[asyncio.Future[Reason | None]] = {*tasks, closing}  # type: ignore[arg-type]
    try:
        done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        return closing.result() if closing in done else done.pop().result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _write(socket: WebSocket, next_message: Callable[[], Awaitable[BaseModel]]) -> None:
    try:
        while True:
            message = await next_message()
            await socket.send_text(message.model_dump_json())
    except (WebSocketDisconnect, RuntimeError):  # the client went away; Starlette has two words for it
        return
