"""One set of devices under several sessions: a visit with a guest has two calls, but one microphone, one loudspeaker
and one camera. What the microphone takes goes to all, what all bring is heard together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from app.media.audio.speaker import SpeechSource
from app.media.devices import DeviceKind, DeviceSpec, Sinks, Sources
from app.media.equipment import Equipment, Feed, Film
from app.media.events import DeviceChanged, DevicesChanged
from app.media.settings import MediaSettings
from app.media.video.frames import CapturedFrame

Changed = Callable[[DeviceChanged | DevicesChanged], None]


class SpeechMix:
    """The sum of what several playouts give, bounded to 16 bits. `pull` on the loudspeaker's thread."""

    def __init__(self) -> None:
        self._sources: tuple[SpeechSource, ...] = ()

    def use(self, sources: Sequence[SpeechSource]) -> None:
        self._sources = tuple(sources)  # one reference changes: the loudspeaker sees the old ones or the new ones

    def pull(self, count: int, now: float) -> NDArray[np.int16]:
        pulled = [source.pull(count, now) for source in self._sources]
        if len(pulled) == 1:
            return pulled[0]
        whole = np.zeros(count, np.int32)
        for one in pulled:
            whole += one
        return np.clip(whole, -32768, 32767).astype(np.int16)


class SharedEquipment:
    """The first session that takes a seat opens the devices, the last one to leave frees them. On the loop."""

    def __init__(self) -> None:
        self._equipment: Equipment | None = None
        self._seats: list[Seat] = []
        self._mix = SpeechMix()
        self._told: dict[DeviceKind, DeviceChanged] = {}

    def take(
        self,
        sinks: Sinks,
        sources: Sources,
        settings: MediaSettings,
        playout: SpeechSource,
        feed: Feed,
        changed: Changed,
    ) -> Seat:
        """`sinks`, `sources` and `settings` count for the first alone; it hears of every device as
        :class:`Equipment` tells, a later one first of those that are open already."""
        first = self._equipment is None
        if first:
            self._told.clear()
            self._equipment = Equipment(sinks, self._mix, settings, self._feed, self._changed)
        assert self._equipment is not None
        seat = Seat(self, self._equipment, playout, feed, changed)
        self._seats.append(seat)
        self._mix.use([one.playout for one in self._seats])
        if first:
            self._equipment.open(sources)
        else:
            for event in list(self._told.values()):
                changed(event)
        return seat

    async def leave(self, seat: Seat) -> None:
        if seat not in self._seats:
            return
        self._seats.remove(seat)
        self._mix.use([one.playout for one in self._seats])
        if not self._seats and self._equipment is not None:
            equipment, self._equipment = self._equipment, None
            await equipment.close()

    def _feed(self, place: int, chunk: NDArray[np.int16]) -> None:
        for seat in self._seats:
            seat.feed(place, chunk)

    def _changed(self, event: DeviceChanged | DevicesChanged) -> None:
        if isinstance(event, DeviceChanged):
            self._told[event.kind] = event
        for seat in list(self._seats):
            seat.changed(event)


class Seat:
    """One session's place at the devices; what it exchanges is exchanged for all."""

    def __init__(
        self, shared: SharedEquipment, equipment: Equipment, playout: SpeechSource, feed: Feed, changed: Changed
    ) -> None:
        self._shared, self._equipment = shared, equipment
        self.playout, self.feed, self.changed = playout, feed, changed

    async def close(self) -> None:
        await self._shared.leave(self)

    async def use_camera(self, spec: DeviceSpec) -> None:
        await self._equipment.use_camera(spec)

    async def use_microphone(self, spec: DeviceSpec) -> None:
        await self._equipment.use_microphone(spec)

    async def use_speaker(self, spec: DeviceSpec) -> None:
        await self._equipment.use_speaker(spec)

    def newest(self) -> CapturedFrame | None:
        return self._equipment.newest()

    async def best_still(self) -> NDArray[np.uint8] | None:
        """The camera's best, in its still mode, RGB (height, width, 3) uint8; None while it gives nothing."""
        return await self._equipment.best_still()

    def still(self) -> NDArray[np.uint8] | None:
        return self._equipment.still()

    async def film(self, see: Film | None) -> None:
        """As Equipment.film; one clip at a time."""
        await self._equipment.film(see)

    @property
    def played_s(self) -> float:
        return self._equipment.played_s

    @property
    def speaker_delay_s(self) -> float:
        return self._equipment.speaker_delay_s
