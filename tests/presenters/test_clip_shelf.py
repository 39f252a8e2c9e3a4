"""The clips of an open item: safe copies out, sound on wish, the file only where a person said."""

from __future__ import annotations

import asyncio

import pytest

from app.media.devices import DeviceSpec
from app.offline.clips import ClipBroken
from app.offline.inbox import OpenedPart
from app.presenters.clip_shelf import ClipNotSaved, ClipShelf
from tests.offline.test_clips import film


class Player:
    def __init__(self):
        self.acts = []

    def start(self, spec, sound, seconds, at_s):
        self.acts.append(("start", spec.kind, len(sound) > 0, at_s))

    def stop(self):
        self.acts.append("stop")


def part(data):
    return OpenedPart("b", "clip.mp4", "video/mp4", data)


def test_opened_played_saved_and_gone(tmp_path):
    async def run():
        player, data = Player(), film(seconds=0.4)
        shelf = ClipShelf(player, lambda: DeviceSpec("none"))
        (clip,) = await shelf.put((part(data),))
        assert len(clip.safe.pictures) == 4
        await shelf.play(0, 0.2)
        await shelf.play(7, 0.0)
        await shelf.pause()
        assert player.acts == [("start", "none", True, 0.2), "stop"]
        said = await shelf.save(0, tmp_path / "kept.mp4")
        assert (tmp_path / "kept.mp4").read_bytes() == data
        assert (tmp_path / "kept.mp4").stat().st_mode & 0o077 == 0
        assert said.text == "Saved as kept.mp4. This file is not sealed: keep it safe."
        with pytest.raises(ClipNotSaved) as caught:
            await shelf.save(0, tmp_path / "no such folder" / "kept.mp4")
        assert "choose another place" in str(caught.value)
        await shelf.clear()
        await shelf.play(0, 0.0)
        assert player.acts[-1] == "stop"

    asyncio.run(run())


def test_of_many_wishes_the_last_counts():
    async def run():
        player = Player()
        shelf = ClipShelf(player, lambda: DeviceSpec("none"))
        await shelf.put((part(film(seconds=0.4)),))
        await asyncio.gather(*(shelf.play(0, at) for at in (0.0, 0.1, 0.2, 0.3)))
        assert player.acts[-1] == ("start", "none", True, 0.3)
        assert len(player.acts) <= 2

    asyncio.run(run())


def test_a_broken_one_is_a_typed_error():
    async def run():
        with pytest.raises(ClipBroken):
            await ClipShelf(None, DeviceSpec).put((part(film(seconds=0.4)[:500]),))

    asyncio.run(run())
