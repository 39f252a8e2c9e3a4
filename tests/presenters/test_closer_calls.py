"""Looking closer between two real sessions over loopback: asked, agreed, taken at 12 megapixels, seen, filed once."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import replace

import cv2
import numpy as np
import pytest

from app.media.closer.life import Life
from app.media.devices import DeviceSpec
from app.media.events import DataReady, DataReceived
from app.media.outgoing import Outgoing
from app.media.rate import controller
from app.media.rate.ladder import LADDER, SPEECH_ONLY
from app.media.rate.split import split
from app.media.settings import MediaSettings
from app.presenters.closer import CloserAround
from app.presenters.closer_patient import PatientCloser
from app.presenters.closer_provider import ProviderCloser
from tests.media.session_pair import SYNTHETIC, Pair, pair

LARGE = DeviceSpec("synthetic", "12mp")
BPS = 3e6
WIDE = replace(
    controller.start(0.0).decision,
    rung=LADDER[SPEECH_ONLY],
    split=split(BPS, LADDER[SPEECH_ONLY], 0.0, False),
    pacing_bps=BPS,
    window_bytes=200_000,
)


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    """A link that carries all of it, whatever a busy machine makes the rate control believe: the way is tried here,
    not the rate."""
    monkeypatch.setattr(Outgoing, "decision", property(lambda self: WIDE))


class Told(list):
    """The events of a side, handed on to its closer as a visit does."""

    def __init__(self, events, closer):
        super().__init__(events)
        self.closer = closer

    def append(self, event):
        super().append(event)
        match event:
            case DataReady(ready=ready):
                self.closer.on_ready(ready)
            case DataReceived(label="closer", data=data):
                self.closer.on_data(data)


class Calls:
    """`lee` offers and asks, `ann` answers; `filed` is what went into the outbox."""

    def __init__(self, both: Pair) -> None:
        self.both, self.filed, self.notes = both, [], []
        self.lee = ProviderCloser(self._around(both.a, "Dr Lee", "Ann"))
        self.ann = PatientCloser(self._around(both.b, "Ann", "Dr Lee"))
        for side, closer in ((both.a, self.lee), (both.b, self.ann)):
            known = list(side.events)
            side.events = Told([], closer)
            for event in known:
                side.events.append(event)

    def _around(self, side, me, other) -> CloserAround:
        return CloserAround(
            lambda: side.session, self.both.note, self.notes.append, time.monotonic, me, other, self._file
        )

    async def _file(self, data: bytes, name: str, media_type: str, purpose: str) -> None:
        self.filed.append((data, name, media_type, purpose))
        self.both.note()

    async def until(self, condition, timeout: float = 60.0) -> None:
        await self.both.until(condition, timeout)


@asynccontextmanager
async def calls(camera: DeviceSpec):
    async with pair(camera=camera, settings=MediaSettings()) as both:
        made = Calls(both)
        await made.until(lambda: made.lee.can_ask and made.both.b.captured > 3)
        yield made
        for closer in (made.lee, made.ann):
            closer.end()
            await closer.finish()


def size_of(data: bytes) -> tuple[int, int]:
    height, width = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape[:2]
    return width, height


def test_a_12_megapixel_still_is_taken_in_the_middle_of_a_call() -> None:
    async def run() -> None:
        async with pair(camera=LARGE, settings=MediaSettings()) as both:
            await both.until(lambda: both.b.captured > 3, 60.0)
            still = await both.b.session.best_still()
            assert still is not None
            assert still.shape == (3024, 4032, 3)
            captured = both.b.captured
            await both.until(lambda: both.b.captured > captured + 3 and both.b.played > 0, 60.0)
            assert both.b.session.still().shape == (480, 640, 3)

    asyncio.run(run())


def test_a_still_arrives_whole_over_the_real_channel_and_a_new_transport() -> None:
    async def run() -> None:
        async with calls(SYNTHETIC) as call:
            call.lee.ask("photo")
            await call.until(lambda: call.ann.view() is not None)
            call.ann.answer(True)
            await call.until(lambda: call.lee.view().life is Life.SENDING)
            await call.both.b.session.transports.renew()
            await call.until(lambda: call.lee.view().life is Life.DONE and call.ann.view().life is Life.DONE)
            await call.until(lambda: call.lee.view().picture != b"")
            assert size_of(call.lee.view().picture) == (320, 240)
            assert call.ann.view().says.text == "Sent to Dr Lee."
            assert len(call.filed) == 1
            call.lee.dismiss()
            assert call.lee.view() is None
            assert call.lee.can_ask

    asyncio.run(run())
