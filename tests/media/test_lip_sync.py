"""Lips with speech: early pictures wait a little, late ones never hold anything back."""

from __future__ import annotations

import asyncio

import av
import pytest

from app.media.lip_sync import EARLY_S, LONGEST_S, LipSync, wait_s


@pytest.mark.parametrize(
    ("picture", "speech", "wait"),
    [
        (10.0, 10.0, 0.0),
        (10.0 + EARLY_S / 2, 10.0, 0.0),
        (10.2, 10.0, 0.2 - EARLY_S),
        (9.0, 10.0, 0.0),
        (10.0 + LONGEST_S + 1, 10.0, 0.0),
        (None, 10.0, 0.0),
        (10.0, None, 0.0),
    ],
)
def test_how_long_a_picture_waits(picture: float | None, speech: float | None, wait: float) -> None:
    assert wait_s(picture, speech) == pytest.approx(wait)


class _Hearing:
    def playing(self, now: float) -> float | None:
        return 48_000.0


class _Clocks:
    """Pictures' times are the sender's own; speech stands at 1.0 s."""

    pictures_lossy = False

    def speech_wall(self, timestamp: float) -> float | None:
        return timestamp / 48_000

    def picture_wall(self, timestamp: int) -> float | None:
        return timestamp / 90_000


def test_an_early_picture_is_shown_later_and_a_late_one_at_once() -> None:
    async def run() -> None:
        lips, shown = LipSync(_Hearing(), lambda: 0.0), []
        frame = av.VideoFrame(16, 16, "yuv420p")
        lips.restart(_Clocks())
        done = asyncio.Event()

        def show(_frame: av.VideoFrame) -> None:
            shown.append(_frame)
            done.set()

        lips.show(frame, 90_000, show)
        assert len(shown) == 1
        done.clear()
        lips.show(frame, round(90_000 * 1.08), show)
        assert len(shown) == 1
        async with asyncio.timeout(5):
            await done.wait()
        assert len(shown) == 2

    asyncio.run(run())


def test_what_waits_is_bounded_and_ends_with_the_session() -> None:
    async def run() -> None:
        lips, shown = LipSync(_Hearing(), lambda: 0.0), []
        lips.restart(_Clocks())
        frame = av.VideoFrame(16, 16, "yuv420p")
        for _ in range(100):
            lips.show(frame, round(90_000 * 1.4), shown.append)
        assert len(shown) == 88, "beyond a dozen, pictures go straight through"
        lips.stop()
        assert not lips._waiting

    asyncio.run(run())
