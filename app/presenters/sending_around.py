"""What the parts of sending have around them: the account with its books, the page, and how to say something."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from app.media.clip.bounds import Clip, Voice
from app.media.events import DeviceChanged
from app.offline.life import Held
from app.presenters.account import Account
from app.presenters.devices import Chosen
from app.presenters.last_visit import PastVisit
from app.presenters.view_basics import Level
from app.presenters.views import Page


class Recorder(Protocol):
    """The face of app.media.clip.message that a recording uses."""

    def end(self) -> None: ...
    async def run(self) -> Clip | Voice | None: ...


class RecorderMaker(Protocol):
    """Takes the devices for a clip (`film`) or a voice message; `begun` is called when the recording begins."""

    def __call__(
        self, *, film: bool, chosen: Chosen, begun: Callable[[], None], device: Callable[[DeviceChanged], None]
    ) -> Recorder: ...


async def done(work: Awaitable[object]) -> None:
    """What comes of it is of no interest: only that it is done."""
    await work


@dataclass(frozen=True)
class SendingAround:
    """All on the I/O loop. `account` raises RuntimeError before the profile is open; `rate` is bytes a second or None;
    `kick` wakes the outbox; `go` shows a page (the caller tells :meth:`changed`)."""

    loop: asyncio.AbstractEventLoop
    account: Callable[[], Account]
    say: Callable[[str, Level], None]
    changed: Callable[[], None]
    spawn: Callable[[Coroutine[Any, Any, None]], None]
    page: Callable[[], Page]
    go: Callable[[Page], None]
    kick: Callable[[], None]
    rate: Callable[[], float | None]
    wall: Callable[[], datetime]
    clock: Callable[[], float]
    take_photo: Callable[[], Awaitable[None]]
    pick_photos: Callable[[Sequence[Path]], Awaitable[None]]
    """Has the size of photos from files chosen; they come back as a camera's photo does."""
    originals: Callable[[], Held]
    """Until when photos in full size are kept back, by the person's choice."""
    provider_name: Callable[[str], str]
    """The name of a provider's device as a visit or a reply gave it; empty when none did."""
    last_visit: Callable[[], PastVisit | None]
    """The last visit that has begun, if the device knows of one."""
