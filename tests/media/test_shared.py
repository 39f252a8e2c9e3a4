"""One set of devices under two sessions."""

import asyncio

import numpy as np

from app.media.devices import DeviceSpec, Sinks, Sources
from app.media.events import DeviceChanged
from app.media.settings import MediaSettings
from app.media.shared import SharedEquipment, SpeechMix

SYNTHETIC = DeviceSpec("synthetic")
SINKS, SOURCES = Sinks(DeviceSpec("none")), Sources(SYNTHETIC, SYNTHETIC)


class Constant:
    def __init__(self, value):
        self.value = value

    def pull(self, count, now):
        return np.full(count, self.value, np.int16)


def test_a_mix_is_the_bounded_sum():
    mix = SpeechMix()
    assert not mix.pull(480, 0.0).any()
    for values, whole in (((7,), 7), ((1000, -300), 700), ((30000, 30000), 32767), ((-30000, -9000), -32768)):
        mix.use([Constant(value) for value in values])
        got = mix.pull(480, 0.0)
        assert got.dtype == np.int16
        assert set(got.tolist()) == {whole}


class Session:
    """What takes a seat: its feed and what it is told."""

    def __init__(self, shared):
        self.fed, self.told = asyncio.Event(), []
        self.ready = asyncio.Event()
        self.seat = shared.take(SINKS, SOURCES, MediaSettings(), Constant(0), self.feed, self.tell)

    def feed(self, _place, _chunk):
        self.fed.set()

    def tell(self, event):
        self.told.append(event)
        if isinstance(event, DeviceChanged) and event.kind == "camera":
            self.ready.set()


def test_devices_are_opened_once_and_live_as_long_as_anybody_needs_them():
    async def run():
        shared = SharedEquipment()
        async with asyncio.timeout(30):
            first = Session(shared)
            await first.ready.wait()
            second = Session(shared)
            assert second.ready.is_set(), "who comes later hears of what is open"
            assert second.seat.newest() is not None
            await first.seat.close()
            await first.seat.close()  # a second time does nothing
            first.fed.clear()
            second.fed.clear()
            await second.fed.wait()
            assert not first.fed.is_set()
            await second.seat.close()
            third = Session(shared)
            assert not third.told, "after the last has left they are opened anew"
            await third.fed.wait()
            await third.seat.close()

    asyncio.run(run())
