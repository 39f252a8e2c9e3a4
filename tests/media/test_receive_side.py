"""What a guest that knows REMB alone is told."""

from __future__ import annotations

import pickle

from app.media.rate.receive_side import LEAST_BPS, MOST_BPS, START_BPS, ReceiveSide


def _second(side: ReceiveSide, start: float, bps: float, queued: float, lost: float = 0.0) -> float:
    """One second of packets of 200 bytes with speech 20 times in it."""
    for i in range(round(bps / 1_600)):
        side.add(200, start + i * 1_600 / bps)
    for i in range(20):
        at = start + i * 0.05
        side.speech(at + queued, at)
    return side.estimate(start + 1.0, lost)


def test_it_grows_on_an_idle_link_but_not_far_beyond_what_arrives() -> None:
    side = ReceiveSide()
    told = [_second(side, float(i), 200_000, 0.05) for i in range(60)]
    assert told[0] > START_BPS
    assert told == sorted(told)
    assert 250_000 < told[-1] < 350_000


def test_a_queue_or_losses_bring_it_under_what_arrives() -> None:
    for queued, lost in ((0.4, 0.0), (0.05, 0.2)):
        side = ReceiveSide()
        for i in range(5):
            _second(side, float(i), 120_000, 0.05)
        told = [_second(side, 5.0 + i, 120_000, queued, lost) for i in range(3)]
        assert (told[-1] if lost else told[0]) < 120_000, "a queue at once, losses when they last"


def test_a_second_that_loses_more_by_chance_is_no_reason() -> None:
    side = ReceiveSide()
    told = [_second(side, float(i), 120_000, 0.05, 0.12 if i % 3 == 0 else 0.02) for i in range(30)]
    assert told[-1] > 150_000


def test_a_wide_link_is_found_soon_but_after_a_queue_each_step_is_small() -> None:
    side = ReceiveSide()
    found = [_second(side, float(i), 2_000_000, 0.05) for i in range(6)]
    assert found[-1] > 1_500_000
    low = _second(side, 6.0, 400_000, 0.2)
    later = [_second(side, float(i), 400_000, 0.05) for i in range(7, 9)]
    assert low < 400_000
    assert later[-1] < 1.2 * low


def test_a_microphone_that_stumbles_is_no_queue_while_the_round_trip_is_short() -> None:
    """Its clock falls behind for good: by speech alone, the guest was held to the least for half a minute."""
    side, told = ReceiveSide(), []
    for i in range(20):
        side.trip(i + 0.5, 0.11 if i % 2 else 0.12)
        told.append(_second(side, float(i), 300_000, 0.05 if i < 5 else 0.45))
    assert told == sorted(told)
    side.trip(20.5, 0.35)  # and this is one
    assert _second(side, 20.0, 300_000, 0.45) < 300_000


def test_speech_alone_decides_where_no_round_trip_was_measured_of_late() -> None:
    side = ReceiveSide()
    side.trip(0.0, 0.1)
    for i in range(6):
        _second(side, float(i), 120_000, 0.05)
    assert _second(side, 6.0, 120_000, 0.4) < 120_000


def test_bounds_hold() -> None:
    side = ReceiveSide()
    assert side.estimate(1.0, 0.0) == START_BPS
    for i in range(30):
        low = _second(side, float(i), 8_000, 0.05 + 0.05 * i)
    assert low == LEAST_BPS
    for i in range(30, 120):
        high = _second(side, float(i), 9_000_000, 0.05)
    assert high <= MOST_BPS


def test_what_nobody_asks_for_takes_no_memory() -> None:
    """A peer that sends us transport feedback is never told an estimate."""
    side, sizes = ReceiveSide(), []
    for i in range(10_000):
        side.add(100, i * 0.02)
        side.speech(i * 0.02 + 0.05, i * 0.02)
        if i in (4_999, 9_999):
            sizes.append(len(pickle.dumps(side)))
    assert sizes[1] <= sizes[0] + 100
