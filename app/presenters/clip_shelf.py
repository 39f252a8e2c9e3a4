"""The clip or voice message that lies open: made safe piece by piece, heard, saved as a file on the person's act."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from app.media.devices import DeviceSpec
from app.offline.clips import MAX_SECONDS, SafeClip, check_clip, safe_piece, safe_voice
from app.offline.errors import OfflineError
from app.presenters.review_views import OpenedClip, PartKind
from app.presenters.view_basics import Level, Sentence

log = logging.getLogger(__name__)


class ClipPlayer(Protocol):
    """The face of app.media.clip.sound.ClipSound; both calls block."""

    def start(self, spec: DeviceSpec, sound: bytes, seconds: float, at_s: float) -> None: ...
    def stop(self) -> None: ...


class ClipNotSaved(OfflineError):
    """Writing the file that the person chose failed."""

    sentence = "The clip could not be saved there. Please choose another place."


@dataclass
class _Open:
    """`pieces`: start (s) -> a piece that is made or in the making: the one on show and the next one."""

    name: str
    data: bytes = field(repr=False)
    total_s: float
    pieces: dict[float, asyncio.Task[SafeClip]] = field(default_factory=dict)
    shown: OpenedClip | None = None


class ClipShelf:
    """On the loop; what blocks runs in threads. `player` None: clips are silent."""

    def __init__(self, player: ClipPlayer | None, speaker: Callable[[], DeviceSpec]) -> None:
        self._player, self._speaker = player, speaker
        self._turn = asyncio.Lock()
        self._wish = 0
        self._open: _Open | None = None

    async def put(self, kind: PartKind, name: str, data: bytes) -> OpenedClip:
        """In the place of what lay open. Raises NotAClip, ClipTooLarge, ClipBroken."""
        await self.clear()
        if kind is PartKind.VOICE:
            voice = await asyncio.to_thread(safe_voice, data)
            safe = SafeClip(voice.seconds, 0, 0, (), (), voice.sound)
            shown = OpenedClip(name, safe, 0.0, voice.seconds)
            self._open = _Open(name, data, voice.seconds, shown=shown)
            return shown
        info = await asyncio.to_thread(check_clip, data)
        self._open = opened = _Open(name, data, info.seconds)
        return await self._piece(opened, 0.0)

    async def at(self, at_s: float) -> OpenedClip | None:
        """The piece that holds that second; None when nothing lies open (any more). Raises ClipBroken."""
        opened = self._open
        if opened is None or (opened.shown is not None and not opened.shown.safe.pictures):
            return opened.shown if opened is not None else None
        last = max(opened.total_s - 0.001, 0.0)
        start = min(max(at_s, 0.0), last) // MAX_SECONDS * MAX_SECONDS
        piece = await self._piece(opened, start)
        return piece if self._open is opened else None

    async def clear(self) -> None:
        """The item is closed: nothing is heard any more, the clear clip leaves memory."""
        self._open = None
        await self.pause()

    async def play(self, at_s: float) -> None:
        """From that second of the piece on show. Of several wishes the last one counts."""
        shown = self._open.shown if self._open is not None else None
        if self._player is None or shown is None:
            return
        safe, at_s = shown.safe, max(0.0, at_s - shown.start_s)
        await self._do(lambda player: player.start(self._speaker(), safe.sound, safe.seconds, at_s))

    async def pause(self) -> None:
        await self._do(lambda player: player.stop())

    async def save(self, path: Path) -> Sentence:
        """Writes the clip in clear, as it was recorded, where the person chose. Raises ClipNotSaved."""
        if self._open is None:
            raise ClipNotSaved("nothing lies open")
        try:
            await asyncio.to_thread(_write, path, self._open.data)
        except OSError as exc:
            raise ClipNotSaved(type(exc).__name__) from exc
        return Sentence(f"Saved as {path.name}. This file is not sealed: keep it safe.", Level.NOTE)

    async def _piece(self, opened: _Open, start: float) -> OpenedClip:
        """Makes the next one meanwhile, so that a clip that plays goes on."""
        safe = await asyncio.shield(self._making(opened, start))
        following = start + MAX_SECONDS
        if following < opened.total_s and self._open is opened:
            self._making(opened, following)
        opened.pieces = {at: task for at, task in opened.pieces.items() if at in (start, following)}
        opened.shown = OpenedClip(opened.name, safe, start, opened.total_s)
        return opened.shown

    def _making(self, opened: _Open, start: float) -> asyncio.Task[SafeClip]:
        task = opened.pieces.get(start)
        if task is None or (task.done() and task.exception() is not None):
            task = opened.pieces[start] = asyncio.create_task(asyncio.to_thread(safe_piece, opened.data, start))
            task.add_done_callback(_heed)
        return task

    async def _do(self, act: Callable[[ClipPlayer], None]) -> None:
        self._wish += 1
        wish = self._wish
        async with self._turn:
            if self._player is not None and wish == self._wish:
                await asyncio.to_thread(act, self._player)


def _heed(task: asyncio.Task[SafeClip]) -> None:
    """A piece that nobody came to look at may be broken: who looks is told."""
    with contextlib.suppress(asyncio.CancelledError):
        if (error := task.exception()) is not None:
            log.info("a piece of a clip: %s", type(error).__name__)


def _write(path: Path, data: bytes) -> None:
    """For its owner alone, where the system knows such a thing."""
    with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
