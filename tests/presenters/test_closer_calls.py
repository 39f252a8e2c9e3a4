"""Looking closer between two real sessions over loopback: asked, agreed, taken at 12 megapixels, seen, filed once."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager

import cv2
import numpy as np

from app.media.closer.life import Life
from app.media.devices import DeviceSpec
from app.media.events import DataReady, DataReceived
from app.presenters.closer import CloserAround
from app.presenters.closer_patient import PatientCloser
from app.presenters.closer_provider import ProviderCloser
from tests.media.session_pair import Pair, pair

LARGE = DeviceSpec("synthetic", "12mp")


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

    async def until(self, condition, timeout: float = 30.0) -> None:
        await self.both.until(condition, timeout)


@asynccontextmanager
async def calls():
    async with pair(camera=LARGE) as both:
        made = Calls(both)
        await made.until(lambda: made.lee.can_ask and made.both.b.captured > 3)
        yield made
        for closer in (made.lee, made.ann):
            closer.end()
            await closer.finish()


def size_of(data: bytes) -> tuple[int, int]:
    height, width = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape[:2]
    return width, height


def test_asked_agreed_taken_seen_sharper_and_filed_once() -> None:
    async def run() -> None:
        async with calls() as call:
            call.lee.ask("photo")
            await call.until(lambda: call.ann.view() is not None)
            assert call.ann.view().says.text == "Dr Lee asks for a sharp photo."
            call.ann.answer(True)
            await call.until(lambda: call.lee.view().picture != b"")
            first = size_of(call.lee.view().picture)
            assert first[0] >= 320
            await call.until(lambda: call.lee.view().life is Life.DONE and size_of(call.lee.view().picture)[0] > 4_000)
            await call.until(lambda: call.ann.view().life is Life.DONE)
            assert size_of(call.lee.view().picture) == (4032, 3024)
            assert call.ann.view().says.text == "Sent to Dr Lee."
            assert [(name, kind, purpose) for _, name, kind, purpose in call.filed] == [
                ("photo.jpg", "image/jpeg", "closer")
            ]
            assert size_of(call.filed[0][0]) == (4032, 3024)
            pictures = call.both.a.pictures
            await call.until(lambda: call.both.a.pictures > pictures + 5)  # moving pictures go on afterwards
            assert call.notes.count("Dr Lee asked for a sharp photo") == 2  # once in each side's record
            call.lee.dismiss()
            assert call.lee.view() is None
            assert call.lee.can_ask

    asyncio.run(run())


def test_a_new_transport_in_the_middle_loses_nothing() -> None:
    async def run() -> None:
        async with calls() as call:
            call.lee.ask("photo")
            await call.until(lambda: call.ann.view() is not None)
            call.ann.answer(True)
            await call.until(lambda: bool(call.lee.side.of(call.lee.view().ask)))
            await call.both.b.session.transports.renew()
            await call.until(lambda: call.lee.view().life is Life.DONE, 40.0)
            assert len(call.filed) == 1

    asyncio.run(run())
