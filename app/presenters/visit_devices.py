"""Exchanging the devices of a visit under way: one exchange at a time, and of several wishes the last one counts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from app.media.devices import DeviceKind, DeviceSpec
from app.presenters.around import Session


class VisitDevices:
    """`session` is the one of now; wishes wait until it has started. Of one loop."""

    def __init__(self, session: Callable[[], Session | None]) -> None:
        self._session = session
        self._started = False
        self._wanted: dict[DeviceKind, DeviceSpec] = {}
        self._turn = asyncio.Lock()

    async def use(self, kind: DeviceKind, spec: DeviceSpec) -> None:
        self._wanted[kind] = spec
        async with self._turn:  # two exchanges of one device must not overlap
            session = self._session()
            if session is not None and self._started and self._wanted.get(kind) is spec:
                del self._wanted[kind]
                await _USE[kind](session, spec)

    async def on_started(self) -> None:
        """The session has its devices open: what was wished for meanwhile comes now."""
        self._started = True
        for kind, spec in list(self._wanted.items()):
            await self.use(kind, spec)


_USE: dict[DeviceKind, Callable[[Session, DeviceSpec], Awaitable[None]]] = {
    "microphone": lambda session, spec: session.use_microphone(spec),
    "speaker": lambda session, spec: session.use_speaker(spec),
    "camera": lambda session, spec: session.use_camera(spec),
}
