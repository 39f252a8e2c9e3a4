"""Lips with speech: early pictures wait a little, late ones never hold anything back."""

from __future__ import annotations

import asyncio
import itertools

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.media.lip_sync import EARLY_S, HOLD_S, LONGEST_S, LipSync, wait_s
from app.media.picture_pace import LEAST_GAP_S, MOST_GAP_S, PicturePace


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


def test_where_packets_are_lost_lips_are_a_tenth_of_a_second_behind_at_most() -> None:
    behind = wait_s(10.0, 10.0, lossy=True)
    assert behind == pytest.approx(HOLD_S - EARLY_S)
    assert 0.09 <= behind <= 0.1 + 1e-9, "as long as a repair can be given"


class _Hearing:
    def playing(self, now: float) -> float | None:
        return 48_000.0


class _Clocks:
    """Pictures' times are the sender's own; speech stands at 1.0 s."""

    pictures_lossy = False
    pictures_missing_since: float | None = None

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
        assert len(shown) == 88, "beyond a dozen, the oldest are shown at once"
        lips.stop()
        assert not lips._waiting

    asyncio.run(run())


def test_pictures_that_come_late_together_are_each_seen() -> None:
    async def run() -> None:
        lips, shown = LipSync(_Hearing(), lambda: 0.0), []
        lips.restart(_Clocks())
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def show(_frame: av.VideoFrame) -> None:
            shown.append(loop.time())
            if len(shown) == 4:
                done.set()

        for _ in range(4):
            lips.show(av.VideoFrame(16, 16, "yuv420p"), 90_000, show)
        async with asyncio.timeout(5):
            await done.wait()
        assert all(later - earlier > 0.9 * LEAST_GAP_S for earlier, later in itertools.pairwise(shown))

    asyncio.run(run())


@given(
    wanted=st.floats(0, 20),
    waiting=st.integers(1, 12),
    since=st.one_of(st.none(), st.floats(0, 10)),
    now=st.just(10.0),
)
def test_no_picture_is_early_and_none_stands_long_while_others_wait(
    wanted: float, waiting: int, since: float | None, now: float
) -> None:
    pace = PicturePace(shown_at=9.95)
    at = pace.show_at(wanted, waiting, since, now)
    assert at >= wanted
    assert at >= 9.95 + LEAST_GAP_S
    assert at <= max(wanted, 9.95 + MOST_GAP_S)
    if since is None:
        assert at == max(wanted, 9.95 + LEAST_GAP_S)


def test_what_waits_is_spread_over_the_time_of_a_repair() -> None:
    pace, now, shown = PicturePace(shown_at=1.0), 1.0, []
    for waiting in (3, 2, 1):
        now = pace.show_at(now, waiting, 0.98, now)
        shown.append(now)
        pace = pace.shown(now)
    gaps = [b - a for a, b in itertools.pairwise([1.0, *shown, 0.98 + pace.repair_s])]
    assert max(gaps) < 0.11, "with no spreading the last one would stand for 0.2 s"


def test_how_long_repairs_take_is_learnt_and_bounded() -> None:
    pace = PicturePace()
    for _ in range(50):
        pace = pace.repaired(0.15)
    assert pace.repair_s == pytest.approx(0.16, abs=0.02)
    for _ in range(50):
        pace = pace.repaired(30.0)
    assert pace.repair_s == pytest.approx(1.0, abs=0.01)
    with pytest.raises(ValueError, match="waits"):
        pace.show_at(0.0, 0, None, 0.0)
