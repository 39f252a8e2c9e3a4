"""The playout buffer: continuity, gaps, and no standing delay."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.media.audio.playout import MS, Playout

CHUNK = 20 * MS


def _words(start: int, count: int) -> np.ndarray:
    """A tone with a pause of 100 ms in each half second."""
    places = np.arange(start, start + count)
    return np.asarray(_tone(start, count) * (places % 24000 < 19200), np.int16)


def _tone(start: int, count: int) -> np.ndarray:
    return np.asarray(8000 * np.sin((np.arange(start, start + count)) * 2 * np.pi * 200 / 48000), np.int16)


def test_long_packets_on_a_calm_link_leave_little_standing() -> None:
    """60 ms packets: after some seconds the lowest fill is near the margin, so speech is not late for nothing."""
    playout, packet = Playout(), 60 * MS
    for i in range(6):  # a burst after a pause of the link
        playout.push(i * packet, _words(i * packet, packet))
    lowest = []
    for i in range(6, 300):
        for _ in range(3):
            playout.pull(CHUNK)
        lowest.append(playout.standing)
        playout.push(i * packet, _words(i * packet, packet))
    assert max(lowest[-50:]) < 0.1
    assert playout.counters.concealed == 0


def test_starts_only_when_the_target_stands_and_then_gives_what_came() -> None:
    playout = Playout()
    playout.push(0, _tone(0, CHUNK))
    assert not playout.pull(CHUNK).any()
    for i in range(1, 5):
        playout.push(i * CHUNK, _tone(i * CHUNK, CHUNK))
    assert np.array_equal(playout.pull(CHUNK), _tone(0, CHUNK))
    assert playout.counters.concealed == 0


def test_a_lost_packet_is_filled_so_that_the_next_keeps_its_time() -> None:
    playout = Playout()
    for i in (0, 1, 2, 3, 4, 5):
        playout.push(i * CHUNK, _tone(i * CHUNK, CHUNK))
    playout.pull(CHUNK)
    playout.push(7 * CHUNK, _tone(7 * CHUNK, CHUNK))  # packet 6 is lost
    out = np.concatenate([playout.pull(CHUNK) for _ in range(7)])
    assert np.array_equal(out[6 * CHUNK :], _tone(7 * CHUNK, CHUNK))
    filled = out[5 * CHUNK : 6 * CHUNK].astype(float)
    assert np.abs(filled).max() > 1000, "the gap holds a fading copy, not bare silence"
    assert playout.counters.concealed == CHUNK
    assert playout.counters.concealment_events == 1


def test_an_empty_buffer_fades_to_silence_and_counts_it() -> None:
    playout = Playout()
    for i in range(4):
        playout.push(i * CHUNK, _tone(i * CHUNK, CHUNK))
    for _ in range(4):
        playout.pull(CHUNK)
    fade = playout.pull(CHUNK)
    assert fade.any()
    for _ in range(5):
        last = playout.pull(CHUNK)
    assert not last.any()
    assert playout.counters.concealed == 6 * CHUNK
    assert 0 < playout.counters.silent_concealed < 6 * CHUNK


def test_a_standing_excess_is_cut_away_while_sound_goes_on() -> None:
    playout = Playout()
    for i in range(25):  # half a second at once
        playout.push(i * CHUNK, _tone(i * CHUNK, CHUNK))
    for i in range(25, 25 + 50 * 12):
        playout.pull(CHUNK)
        playout.push(i * CHUNK, _tone(i * CHUNK, CHUNK))
    assert playout.standing < 0.25
    assert playout.counters.cut > 0
    assert playout.counters.concealed == 0


def test_far_too_much_is_thrown_away_at_once() -> None:
    playout = Playout()
    playout.push(0, _tone(0, 3 * 48000))
    assert playout.standing < 0.3


def test_a_new_transport_may_begin_at_any_time_stamp() -> None:
    playout = Playout()
    for i in range(6):
        playout.push(1_000_000 + i * CHUNK, _tone(0, CHUNK))
    playout.restart()
    playout.push(0, _tone(0, CHUNK))
    assert playout.counters.concealed == 0


@given(
    st.lists(
        st.tuples(st.sampled_from(["push", "pull", "skip"]), st.sampled_from([20, 40, 60])), min_size=1, max_size=200
    )
)
def test_every_pull_gives_exactly_what_was_asked_for_and_the_fill_is_bounded(steps: list[tuple[str, int]]) -> None:
    playout, stamp = Playout(), 0
    for what, ms in steps:
        if what == "push":
            playout.push(stamp, _tone(stamp, ms * MS))
            stamp += ms * MS
        elif what == "skip":
            stamp += ms * MS
        else:
            assert len(playout.pull(ms * MS)) == ms * MS
        assert 0 <= playout.standing <= 1.4
    counters = playout.counters
    assert counters.silent_concealed <= counters.concealed
