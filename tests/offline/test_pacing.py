"""The allowance, the size of a PATCH and its watchdog: pure parts by properties, the waiting by real waits."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.offline.allowance import PIECE_BYTES, SMALLEST_PIECE_BYTES, Allowance, Bucket
from app.offline.patch import FIRST_CHUNK_BYTES, Patience, Watched, next_chunk
from app.offline.trouble import Paused, Stalled

PATIENCE = Patience(piece=30, answer=90, pause=2)


@given(st.floats(100, 1e7), st.integers(1, 2_000_000))
def test_a_bucket_never_goes_faster_than_its_rate(rate: float, size: int) -> None:
    bucket, now, sent = Bucket(rate), 100.0, 0
    for _ in range(50):
        wait = bucket.wait(now)
        assert wait is not None
        now += wait
        piece = bucket.piece(size)
        assert 1 <= piece <= min(size, PIECE_BYTES)
        assert piece <= max(SMALLEST_PIECE_BYTES, rate * 0.1)
        bucket = bucket.spend(piece, now)
        sent += piece
        assert sent - piece <= rate * (now - 100.0) + 1e-3


def test_a_bucket_without_bound_and_a_closed_one() -> None:
    assert Bucket(None).wait(5.0) == 0.0
    assert Bucket(None).spend(10**9, 5.0).wait(5.0) == 0.0
    assert Bucket(0).wait(5.0) is None


def test_a_rate_that_changes_often_gives_no_piece_for_nothing() -> None:
    bucket = Bucket(1_000.0).spend(256, 5.0)
    assert bucket.at_rate(500.0, 5.0).wait(5.0) == pytest.approx(0.512)
    assert bucket.at_rate(2_000.0, 5.128).wait(5.128) == pytest.approx(0.064)
    assert bucket.at_rate(None, 5.0).wait(5.0) == 0.0
    assert bucket.at_rate(0, 5.0).wait(5.0) is None
    assert Bucket(0).at_rate(1_000.0, 5.0).wait(5.0) == 0.0


@given(st.integers(1, 10**9), st.none() | st.floats(0, 1e8))
def test_a_chunk_fits_what_is_left(rest: int, rate: float | None) -> None:
    size = next_chunk(rest, rate)
    assert 1 <= size <= rest
    assert size == rest or size >= FIRST_CHUNK_BYTES // 4


def test_a_fast_link_needs_two_requests_and_a_slow_one_hears_of_progress() -> None:
    assert next_chunk(10_000_000, None) == FIRST_CHUNK_BYTES
    assert next_chunk(10_000_000, 1e6) == 10_000_000
    assert next_chunk(10_000_000, 2_500) == 75_000
    with pytest.raises(ValueError, match="left"):
        next_chunk(0, None)


def test_the_watchdog_tells_stalled_from_paused_from_paced() -> None:
    sending = Watched(100.0, paced=False, all_taken=False)
    assert sending.verdict(129.9, None, PATIENCE) is None
    assert sending.verdict(130.0, None, PATIENCE) is Stalled
    paced = Watched(100.0, paced=True, all_taken=False)
    assert paced.verdict(1000.0, None, PATIENCE) is None
    assert paced.verdict(1000.0, 999.0, PATIENCE) is None
    assert paced.verdict(1001.0, 999.0, PATIENCE) is Paused
    tail = Watched(100.0, paced=False, all_taken=True)
    assert tail.verdict(189.9, 0.0, PATIENCE) is None
    assert tail.verdict(190.0, 0.0, PATIENCE) is Stalled


def test_a_pause_holds_until_the_rate_changes() -> None:
    async def main() -> None:
        allowance = Allowance(0)
        told: list[float | None] = []
        allowance.on_change(lambda: told.append(allowance.rate))
        assert allowance.paused
        taking = asyncio.ensure_future(allowance.take(1000))
        done, _ = await asyncio.wait({taking}, timeout=0.05)
        assert not done
        allowance.set(0)
        allowance.set(1e6)
        assert await asyncio.wait_for(taking, 5) == 1000
        allowance.set(None)
        assert await allowance.take(10**6) == PIECE_BYTES
        assert told == [1e6, None]
        with pytest.raises(ValueError, match="negative"):
            allowance.set(-1)
        with pytest.raises(ValueError, match="byte"):
            await allowance.take(0)

    asyncio.run(main())


def test_a_slow_wait_ends_at_once_when_the_visit_is_over() -> None:
    async def main() -> None:
        allowance = Allowance(1.0)  # the next piece would be due in minutes
        assert await allowance.take(10_000) == SMALLEST_PIECE_BYTES
        taking = asyncio.ensure_future(allowance.take(10_000))
        done, _ = await asyncio.wait({taking}, timeout=0.05)
        assert not done
        allowance.set(None)
        assert await asyncio.wait_for(taking, 5) == 10_000

    asyncio.run(main())
