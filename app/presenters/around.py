"""What a visit's side has around it: the face of the media session, and what it asks of its surroundings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from app.media.clip.bounds import Clip
from app.media.devices import DeviceSpec, FoundDevice
from app.media.events import DeviceChanged, SessionEvent, SignalPart, View
from app.media.slot import FrameSlot
from app.presenters.views import Sentence
from app.wire.messages import ClientMessage


class Session(Protocol):
    """The face of app.media.session.VisitSession that a visit uses."""

    async def start(self) -> None: ...
    async def receive(self, part: SignalPart) -> None: ...
    def set_microphone(self, on: bool) -> None: ...
    def set_camera(self, on: bool) -> None: ...
    def set_speech_alone(self, on: bool) -> None: ...
    def set_wish(self, view: View) -> None: ...
    async def use_microphone(self, spec: DeviceSpec) -> None: ...
    async def use_speaker(self, spec: DeviceSpec) -> None: ...
    async def use_camera(self, spec: DeviceSpec) -> None: ...
    def send_data(self, label: str, data: bytes) -> bool: ...
    def data_backlog(self, label: str) -> int: ...
    def set_still_share(self, share: float) -> None: ...
    @property
    def still_bps(self) -> float | None: ...
    def signalling_back(self) -> None: ...
    def still(self) -> NDArray[np.uint8] | None: ...
    async def best_still(self) -> NDArray[np.uint8] | None: ...
    async def record_clip(self, begun: Callable[[], None]) -> Clip | None: ...
    @property
    def upload_bps(self) -> float | None: ...
    async def stats(self) -> dict[str, Any]: ...
    async def close(self) -> None: ...


class SessionMaker(Protocol):
    def __call__(
        self, *, offerer: bool, send: Callable[[SignalPart], None], emit: Callable[[SessionEvent], None]
    ) -> Session: ...


Filing = Callable[[bytes, str, str, str], Awaitable[None]]
"""Takes bytes, name, media type and purpose. Raises OfflineError; then nothing was saved."""


@dataclass(frozen=True)
class Surroundings:
    """What a visit needs from outside: `say` sends to the service (False: no connection), `make_way` is awaited
    before the media takes the devices, `clock` is monotonic seconds, `wall` is local time, `changed` is called after
    every change of the view, `device` when a device comes, goes or fails, `devices` with all that are there now,
    `trouble` with what a person should read, `file` seals a thing taken in the visit into the outbox (a patient's)."""

    say: Callable[[ClientMessage], bool]
    make_session: SessionMaker
    make_way: Callable[[], Awaitable[None]]
    remote: FrameSlot
    clock: Callable[[], float]
    wall: Callable[[], datetime]
    changed: Callable[[], None]
    device: Callable[[DeviceChanged], None]
    devices: Callable[[tuple[FoundDevice, ...]], None]
    trouble: Callable[[Sentence], None]
    file: Filing | None = None
