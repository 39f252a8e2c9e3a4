"""The clips of the item that a provider has open: made safe, heard, saved as a file on the person's own act."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from app.media.devices import DeviceSpec
from app.offline.clips import safe_clip
from app.offline.errors import OfflineError
from app.offline.inbox import OpenedPart
from app.presenters.views import Level, OpenedClip, Sentence

log = logging.getLogger(__name__)


class ClipPlayer(Protocol):
    """The face of app.media.clip.sound.ClipSound; both calls block."""

    def start(self, spec: DeviceSpec, sound: bytes, seconds: float, at_s: float) -> None: ...
    def stop(self) -> None: ...


class ClipNotSaved(OfflineError):
    """Writing the file that the person chose failed."""

    sentence = "The clip could not be saved there. Please choose another place."


class ClipShelf:
    """On the loop; what blocks runs in threads, one after the other. `player` None: clips are silent."""

    def __init__(self, player: ClipPlayer | None, speaker: Callable[[], DeviceSpec]) -> None:
        self._player, self._speaker = player, speaker
        self._turn = asyncio.Lock()
        self._wish = 0
        self._clips: tuple[tuple[OpenedClip, bytes], ...] = ()

    async def put(self, parts: tuple[OpenedPart, ...]) -> tuple[OpenedClip, ...]:
        """Of a newly opened item. Raises NotAClip, ClipTooLarge, ClipBroken."""
        opened = []
        for part in parts:
            safe = await asyncio.to_thread(safe_clip, part.data)
            opened.append((OpenedClip(part.name, safe, hashlib.sha256(part.data).hexdigest()), part.data))
        self._clips = tuple(opened)
        return tuple(clip for clip, _ in opened)

    async def clear(self) -> None:
        """The item is closed: nothing is heard any more, the clear clips leave memory."""
        self._clips = ()
        await self.pause()

    async def play(self, place: int, at_s: float) -> None:
        """From that second on. Of several wishes the last one counts."""
        if self._player is None or not 0 <= place < len(self._clips):
            return
        safe = self._clips[place][0].safe
        await self._do(lambda player: player.start(self._speaker(), safe.sound, safe.seconds, at_s))

    async def pause(self) -> None:
        await self._do(lambda player: player.stop())

    async def _do(self, act: Callable[[ClipPlayer], None]) -> None:
        self._wish += 1
        wish = self._wish
        async with self._turn:
            if self._player is not None and wish == self._wish:
                await asyncio.to_thread(act, self._player)

    async def save(self, place: int, path: Path) -> Sentence:
        """Writes the clip in clear, as it was recorded, where the person chose. Raises ClipNotSaved."""
        data = self._clips[place][1]
        try:
            await asyncio.to_thread(_write, path, data)
        except OSError as exc:
            raise ClipNotSaved(type(exc).__name__) from exc
        return Sentence(f"Saved as {path.name}. This file is not sealed: keep it safe.", Level.NOTE)


def _write(path: Path, data: bytes) -> None:
    """For its owner alone, where the system knows such a thing."""
    with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
