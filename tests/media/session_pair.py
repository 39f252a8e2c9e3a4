"""Two real sessions in one process over loopback, and waiting for what they do."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from app.media.devices import DeviceSpec, Sinks, Sources, Taps
from app.media.events import (
    ConnectionChanged,
    ConnectionState,
    ModalityChanged,
    PeerChanged,
    SessionEvent,
    SignalPart,
)
from app.media.session import VisitSession
from app.media.settings import MediaSettings
from app.wire.visits import IceConfig

SYNTHETIC = DeviceSpec("synthetic")
NONE = DeviceSpec("none")
QUICK = MediaSettings(
    interrupted_after=1.0,
    renew_after=2.0,
    first_connect=4.0,
    first_offer=2.0,
    try_gaps=(2.0, 3.0),
    device_retry=0.3,
)


def write_tone(path: Path, seconds: float = 2.0) -> Path:
    """A 300 Hz tone, mono 48 kHz."""
    samples = (9000 * np.sin(np.arange(int(seconds * 48000)) * 2 * np.pi * 300 / 48000)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48000)
        file.writeframes(samples.tobytes())
    return path


@dataclass
class Side:
    """One session, and everything it told."""

    session: VisitSession
    events: list[SessionEvent] = field(default_factory=list)
    sent: list[SignalPart] = field(default_factory=list)
    pictures: int = 0
    loud: int = 0
    played: int = 0
    captured: int = 0
    deliver: bool = True
    bad: list[Exception] = field(default_factory=list)

    def of(self, kind: type) -> list[Any]:
        return [e for e in self.events if isinstance(e, kind)]

    @property
    def states(self) -> list[ConnectionState]:
        return [e.state for e in self.of(ConnectionChanged)]

    @property
    def sending(self) -> list[ModalityChanged]:
        return self.of(ModalityChanged)

    @property
    def peer(self) -> Any:
        found = self.of(PeerChanged)
        return found[-1].peer if found else None


class Pair:
    """`a` offers. `until` waits for a condition that an event, a picture or a chunk of sound makes true."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.tasks: set[asyncio.Task[None]] = set()
        self.a: Side
        self.b: Side

    def note(self) -> None:
        """From any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._changed.set)

    async def until(self, condition: Callable[[], bool], timeout: float = 15.0) -> None:
        async with asyncio.timeout(timeout):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def make(self, offerer: bool, camera: DeviceSpec, microphone: DeviceSpec, settings: MediaSettings) -> Side:
        side: Side

        def picture(_t: float, _luma: Any) -> None:
            side.pictures += 1
            self.note()

        def sound(_t: float, samples: Any) -> None:
            side.played += len(samples)
            side.loud += bool(np.abs(samples).max() > 2000)
            self.note()

        def captured(_frame: Any) -> None:
            side.captured += 1

        def send(part: SignalPart) -> None:
            side.sent.append(part)
            other = self.b if side is self.a else self.a
            if side.deliver:
                task = self._loop.create_task(self._carry(other, part))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)

        def emit(event: SessionEvent) -> None:
            side.events.append(event)
            self.note()

        taps = Taps(captured_picture=captured, decoded_picture=picture, played_speech=sound)
        session = VisitSession(
            offerer=offerer,
            ice=IceConfig(),
            sources=Sources(camera, microphone),
            sinks=Sinks(speaker=NONE, taps=taps),
            send=send,
            emit=emit,
            settings=settings,
            bind_address="127.0.0.1",
        )
        side = Side(session)
        return side

    async def _carry(self, to: Side, part: SignalPart) -> None:
        try:
            await to.session.receive(part)
        except Exception as exc:
            to.bad.append(exc)
            self.note()


@asynccontextmanager
async def pair(
    microphone: DeviceSpec = SYNTHETIC,
    camera: DeviceSpec = SYNTHETIC,
    settings: MediaSettings = QUICK,
    connected: bool = True,
) -> AsyncIterator[Pair]:
    """Both started; with `connected`, sound and pictures flow both ways already."""
    both = Pair()
    both.a = both.make(True, camera, microphone, settings)
    both.b = both.make(False, camera, microphone, settings)
    try:
        await both.b.session.start()
        await both.a.session.start()
        if connected:
            await both.until(lambda: all(s.states[-1] is ConnectionState.CONNECTED for s in (both.a, both.b)))
        yield both
    finally:
        await both.a.session.close()
        await both.b.session.close()
        await asyncio.gather(*both.tasks)
