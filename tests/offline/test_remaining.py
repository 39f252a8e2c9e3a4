"""Speed and time left from the clinic's own words; data used by the month."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.offline.remaining import STALE_S, Speed, seconds_left
from app.offline.usage import Usage, month_of


def steady(rate: int, words: int, step: float = 10.0, start: float = 0.0, speed: Speed | None = None) -> Speed:
    speed = (speed or Speed()).began().acknowledged(0, start)
    for n in range(1, words + 1):
        speed = speed.acknowledged(int(rate * step), start + n * step)
    return speed


@given(st.integers(100, 10_000_000), st.integers(1, 50), st.floats(0.5, 60))
def test_a_steady_link_is_measured_as_it_is(rate: int, words: int, step: float) -> None:
    found = steady(rate, words, step).rate(words * step)
    if found is not None:
        assert found == pytest.approx(rate, rel=0.02)
    assert words * step < 2.0 or found is not None


def test_outages_are_left_out_and_what_arrived_before_is_no_gain() -> None:
    before = steady(1000, 6)
    again = before.began().acknowledged(500_000, 5000.0)  # the first word after an outage: where it stands
    assert again.rate(5000.0) == pytest.approx(1000)
    assert steady(1000, 3, start=5000.0, speed=again).rate(5030.0) == pytest.approx(1000)


def test_the_last_minutes_count_most_and_one_short_answer_little() -> None:
    fast = steady(100_000, 30)
    slow = steady(1000, 30, start=1000.0, speed=fast)
    assert slow.rate(1300.0) == pytest.approx(1000, rel=0.7)
    blip = fast.acknowledged(10, 300.2)
    assert blip.rate(300.2) == pytest.approx(100_000, rel=0.01)


def test_the_time_without_gain_counts_with_the_next_gain() -> None:
    speed = Speed().began().acknowledged(0, 0.0).acknowledged(0, 50.0).acknowledged(10_000, 100.0)
    assert speed.rate(100.0) == pytest.approx(100.0)


def test_too_little_is_unknown_and_yesterday_is_not_today() -> None:
    assert Speed().rate(0.0) is None
    assert Speed().began().acknowledged(0, 0.0).acknowledged(400, 0.3).rate(0.3) is None
    assert steady(1000, 5).rate(50.0 + STALE_S + 1) is None
    with pytest.raises(ValueError, match="no gain"):
        Speed().acknowledged(-1, 0.0)


def test_seconds_left() -> None:
    assert [seconds_left(0, 10.0), seconds_left(101, 10.0), seconds_left(5, None), seconds_left(5, 0.0)] == [
        0,
        11,
        None,
        None,
    ]
    with pytest.raises(ValueError, match="nothing"):
        seconds_left(-1, 1.0)


def test_usage_begins_anew_with_the_month_of_the_computers_calendar() -> None:
    usage = Usage("2026-11", 5).plus("2026-11", 7)
    assert (usage, usage.plus("2026-12", 3)) == (Usage("2026-11", 12), Usage("2026-12", 3))
    with pytest.raises(ValueError, match="taken back"):
        usage.plus("2026-11", -1)
    late = datetime(2026, 11, 30, 23, 30, tzinfo=UTC).timestamp()
    assert (month_of(late, UTC), month_of(late, timezone(timedelta(hours=2)))) == ("2026-11", "2026-12")
