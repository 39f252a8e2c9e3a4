"""The pure shaper: nothing is lost unseen, nothing goes faster than the rate, order is kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.demo.path.shaper import MIN_QUEUE_BYTES, LinkSettings, Shaper

SETTINGS = st.builds(
    LinkSettings,
    rate_kbps=st.floats(8, 5000),
    delay_ms=st.floats(0, 800),
    queue_ms=st.floats(0, 1000),
    cut=st.booleans(),
)
PUT = st.tuples(st.just("put"), st.floats(0, 0.3), st.integers(1, 1500))
TAKE = st.tuples(st.just("take"), st.floats(0, 0.5), st.none())
SET = st.tuples(st.just("set"), st.floats(0, 0.3), SETTINGS)
STEPS = st.lists(st.one_of(PUT, PUT, PUT, TAKE, SET), max_size=80)


def play(steps, first):
    """Runs the steps; gives the shaper, what came out with its time, what was lost by cuts, and the last time."""
    now = 0.0
    shaper = Shaper(first, now)
    out: list[tuple[int, float]] = []
    lost: list[int] = []
    for number, (what, gap, value) in enumerate(steps):
        now += gap
        if what == "put":
            shaper.put(now, number, value)
            assert shaper.waiting_bytes <= max(s.queue_bytes for s in [first, *settings_in(steps)])
        elif what == "take":
            out += [(item, now) for item in shaper.take(now)]
        else:
            lost += shaper.set(now, value)
    return shaper, out, lost, now


def settings_in(steps):
    return [value for what, _, value in steps if what == "set"]


@given(STEPS, SETTINGS)
def test_everything_is_accounted_for_at_any_moment(steps, first):
    shaper, out, _, _ = play(steps, first)
    tally = shaper.tally
    assert tally.offered == tally.delivered + tally.queue_drops + tally.cut_losses + shaper.held
    assert tally.delivered == len(out)


@given(STEPS, SETTINGS)
def test_order_is_kept_and_nothing_comes_twice(steps, first):
    shaper, out, lost, now = play(steps, first)
    items = [item for item, _ in out] + shaper.take(now + 10_000)
    assert items == sorted(set(items))
    assert not set(items) & set(lost)


@given(STEPS, SETTINGS)
def test_a_link_that_is_left_alone_empties(steps, first):
    shaper, _, _, now = play(steps, first)
    for _ in range(1000):
        at = shaper.next_at()
        if at is None:
            break
        assert at >= 0
        now = max(now, at)
        shaper.take(now + 1e-9)
        now += 1e-9
    assert shaper.held == 0
    assert shaper.next_at() is None


@given(st.lists(st.tuples(st.floats(0, 0.2), st.integers(1, 1500)), min_size=2, max_size=60), SETTINGS)
def test_no_stretch_of_time_carries_more_than_the_rate(arrivals, settings):
    settings = settings.changed(cut=False)
    shaper: Shaper[int] = Shaper(settings, 0.0)
    finished: list[tuple[float, int]] = []
    sizes = [size for _, size in arrivals]

    def drain(until: float) -> None:
        now = 0.0
        while (at := shaper.next_at()) is not None and at <= until:
            now = max(now, at)
            finished.extend((at, sizes[item]) for item in shaper.take(now))

    now = 0.0
    for number, (gap, size) in enumerate(arrivals):
        now += gap
        drain(now)
        shaper.put(now, number, size)
    drain(float("inf"))
    for first in range(len(finished)):
        carried = 0
        for at, size in finished[first + 1 :]:
            carried += size
            assert carried <= (at - finished[first][0]) * settings.bytes_per_second + 1e-3


def test_one_packet_takes_its_own_time_and_the_delay():
    shaper: Shaper[str] = Shaper(LinkSettings(rate_kbps=80, delay_ms=50), 0.0)
    shaper.put(1.0, "a", 1000)  # 100 ms at 80 kbit/s
    assert shaper.take(1.1499) == []
    assert shaper.next_at() == pytest.approx(1.15)
    assert shaper.take(1.1501) == ["a"]


def test_a_queue_of_300_ms_takes_300_ms_besides_what_is_being_sent():
    shaper: Shaper[int] = Shaper(LinkSettings(rate_kbps=400, delay_ms=0, queue_ms=300), 0.0)
    taken = [shaper.put(0.0, number, 1000) for number in range(20)]
    assert taken == [True] * 16 + [False] * 4
    assert shaper.tally.queue_drops == 4


def test_at_a_very_low_rate_one_full_packet_may_still_wait():
    shaper: Shaper[int] = Shaper(LinkSettings(rate_kbps=10, queue_ms=100), 0.0)
    assert shaper.put(0.0, 1, 1500)
    assert shaper.put(0.0, 2, MIN_QUEUE_BYTES)
    assert not shaper.put(0.0, 3, 1)


def test_a_new_rate_applies_to_the_rest_of_the_packet_being_sent():
    shaper: Shaper[str] = Shaper(LinkSettings(rate_kbps=8, delay_ms=0), 0.0)
    shaper.put(0.0, "a", 1000)  # 1 s at 8 kbit/s
    shaper.set(0.5, LinkSettings(rate_kbps=80, delay_ms=0))
    assert shaper.next_at() == pytest.approx(0.55)


def test_a_shorter_delay_lets_nothing_overtake():
    shaper: Shaper[str] = Shaper(LinkSettings(rate_kbps=8000, delay_ms=500), 0.0)
    shaper.put(0.0, "slow", 100)
    shaper.take(0.1)
    shaper.set(0.1, LinkSettings(rate_kbps=8000, delay_ms=0))
    shaper.put(0.1, "quick", 100)
    assert shaper.take(0.4) == []
    assert shaper.take(0.6) == ["slow", "quick"]


def test_a_cut_gives_back_what_it_lost_in_order_and_takes_nothing():
    shaper: Shaper[int] = Shaper(LinkSettings(rate_kbps=80, delay_ms=1000), 0.0)
    for number in range(4):
        shaper.put(0.0, number, 500)
    assert shaper.set(0.12, LinkSettings(cut=True)) == [0, 1, 2, 3]
    assert not shaper.put(0.2, 9, 100)
    assert shaper.room(0.2) == 0
    assert shaper.set(0.3, LinkSettings()) == []
    assert shaper.put(0.3, 10, 100)
    assert shaper.take(1.0) == [10]
    assert shaper.tally.cut_losses == 5


@pytest.mark.parametrize(
    "wrong", [{"rate_kbps": 0}, {"rate_kbps": -1}, {"rate_kbps": float("nan")}, {"delay_ms": -1}, {"queue_ms": -0.1}]
)
def test_settings_that_no_link_has_are_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        LinkSettings(**wrong)


def test_misuse_is_refused():
    shaper: Shaper[int] = Shaper(LinkSettings(), 5.0)
    with pytest.raises(ValueError, match="size"):
        shaper.put(5.0, 1, 0)
    with pytest.raises(ValueError, match="backwards"):
        shaper.take(4.0)
