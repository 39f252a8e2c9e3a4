"""The clip that lies open: safe pieces out, sound on wish, the file only where a person said."""

from __future__ import annotations

import asyncio

import pytest

from app.media.devices import DeviceSpec
from app.offline.clips import ClipBroken
from app.presenters.clip_shelf import ClipNotSaved, ClipShelf
from app.presenters.review_views import PartKind
from tests.offline.test_clips import film, voice


class Player:
    def __init__(self):
        self.acts = []

    def start(self, spec, sound, seconds, at_s):
        self.acts.append(("start", spec.kind, len(sound) > 0, at_s))

    def stop(self):
        self.acts.append("stop")


def shelf_with(player):
    return ClipShelf(player, lambda: DeviceSpec("none"))


def test_opened_played_saved_and_gone(tmp_path):
    async def run():
        player, data = Player(), film(seconds=0.4)
        shelf = shelf_with(player)
        clip = await shelf.put(PartKind.CLIP, "clip.mp4", data)
        assert len(clip.safe.pictures) == 4
        player.acts.clear()
        await shelf.play(0.2)
        await shelf.pause()
        assert player.acts == [("start", "none", True, 0.2), "stop"]
        said = await shelf.save(tmp_path / "kept.mp4")
        assert (tmp_path / "kept.mp4").read_bytes() == data
        assert (tmp_path / "kept.mp4").stat().st_mode & 0o077 == 0
        assert said.text == "Saved as kept.mp4. This file is not sealed: keep it safe."
        with pytest.raises(ClipNotSaved) as caught:
            await shelf.save(tmp_path / "no such folder" / "kept.mp4")
        assert "choose another place" in str(caught.value)
        await shelf.clear()
        await shelf.play(0.0)
        assert player.acts[-1] == "stop"
        assert await shelf.at(0.0) is None

    asyncio.run(run())


def test_a_long_clip_is_shown_and_heard_by_pieces():
    async def run():
        player = Player()
        shelf = shelf_with(player)
        first = await shelf.put(PartKind.CLIP, "clip.mp4", film(seconds=16.0, fps=2))
        assert (first.start_s, first.end_s) == (0.0, 15.0)
        second = await shelf.at(15.4)
        assert (second.start_s, second.end_s) == (15.0, pytest.approx(16.0, abs=0.1))
        await shelf.play(15.4)
        assert player.acts[-1] == ("start", "none", True, pytest.approx(0.4))
        assert (await shelf.at(99.0)).start_s == 15.0, "past the end is the last piece"
        assert (await shelf.at(3.0)).start_s == 0.0

    asyncio.run(run())


def test_a_voice_message_has_sound_and_no_pictures():
    async def run():
        player = Player()
        shelf = shelf_with(player)
        clip = await shelf.put(PartKind.VOICE, "voice.ogg", voice())
        assert (clip.safe.pictures, clip.total_s) == ((), pytest.approx(2.0, abs=0.1))
        await shelf.play(1.0)
        assert player.acts[-1] == ("start", "none", True, 1.0)

    asyncio.run(run())


def test_of_many_wishes_the_last_counts():
    async def run():
        player = Player()
        shelf = shelf_with(player)
        await shelf.put(PartKind.CLIP, "clip.mp4", film(seconds=0.4))
        player.acts.clear()
        await asyncio.gather(*(shelf.play(at) for at in (0.0, 0.1, 0.2, 0.3)))
        assert player.acts[-1] == ("start", "none", True, 0.3)
        assert len(player.acts) <= 2

    asyncio.run(run())


def test_a_broken_one_is_a_typed_error():
    async def run():
        with pytest.raises(ClipBroken):
            await shelf_with(None).put(PartKind.CLIP, "clip.mp4", film(seconds=0.4)[:500])

    asyncio.run(run())
