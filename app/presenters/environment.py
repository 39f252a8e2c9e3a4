"""What the composition root gives a presenter, and how commands reach the I/O loop."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol

from app.media.devices import FoundDevice, list_devices
from app.media.events import SessionEvent, SignalPart
from app.media.slot import FrameSlot
from app.offline.keys import KeyRing
from app.presenters.around import Session
from app.presenters.clip_shelf import ClipPlayer
from app.presenters.devices import Chosen
from app.presenters.sending_around import RecorderMaker
from app.presenters.sound import SoundTestMaker
from app.wire.visits import IceConfig

P = ParamSpec("P")


class SessionFactory(Protocol):
    """Makes a visit's media session for an ICE configuration, on the devices that were chosen."""

    def __call__(
        self,
        *,
        offerer: bool,
        ice: IceConfig,
        chosen: Chosen,
        send: Callable[[SignalPart], None],
        emit: Callable[[SessionEvent], None],
    ) -> Session: ...


@dataclass(frozen=True)
class Environment:
    """What the composition root gives: nothing here is a widget, and `publish` may be called on the I/O loop.

    `given`: the devices that the command line names; `list_devices` is called in a thread. `guest_session` makes the
    second session, with a guest, on the devices of the first; its pictures go to `guest`. None: no guests here.
    `ring` None: a new store's key goes to a file without a question. `passphrase` is called in a thread and gives one
    that was laid ready for this device, before a person is asked; it may raise OfflineError.
    `clip_sound` plays the sound of a clip that a provider has opened; None: in silence. `recorder` makes clips and
    voice messages outside of a visit; None: none here.
    """

    folder: Path
    ring: KeyRing | None
    session: SessionFactory
    sound_test: SoundTestMaker
    remote: FrameSlot
    mine: FrameSlot
    given: Chosen = Chosen()  # noqa: RUF009 - frozen
    guest_session: SessionFactory | None = None
    guest: FrameSlot = field(default_factory=FrameSlot)
    passphrase: Callable[[], str | None] = lambda: None
    clip_sound: ClipPlayer | None = None
    recorder: RecorderMaker | None = None
    list_devices: Callable[[], tuple[FoundDevice, ...]] = list_devices
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], datetime] = lambda: datetime.now().astimezone()


def command(
    function: Callable[Concatenate[Any, P], None],
) -> Callable[Concatenate[Any, P], None]:
    """A method that may be called from any thread: it runs on the I/O loop, soon."""

    def soon(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> None:
        self.loop.call_soon_threadsafe(functools.partial(function, self, *args, **kwargs))

    functools.update_wrapper(soon, function)
    return soon
