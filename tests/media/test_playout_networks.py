"""Playout over whole networks: loss, bursts, jitter, queues, outages, drift. Bounds with some room to this model's
figures; what the lab's link gives stands in docs/benchmarks.md.
"""

from __future__ import annotations

import numpy as np
import pytest

from app.media.audio.playout import MS
from app.media.rate.speech import Speech
from tests.media.speech_network import (
    RATE,
    Arrive,
    Run,
    bursts,
    concealed_share,
    delayed,
    drifting,
    encoded,
    heard,
    jittery,
    largest_step,
    losing,
    send_all,
    spoken,
    steady,
    tone,
)

CHUNK = 20 * MS


@pytest.mark.parametrize(
    ("speech", "arrive", "concealed", "delay_ms"),
    [
        (Speech(24_000, 20, 1), losing(0.05, 1), 0.01, 150),
        (Speech(24_000, 20, 0, True, 5), losing(0.05, 2), 0.02, 140),
        (Speech(24_000, 20, 2), losing(0.15, 3), 0.012, 180),
        (Speech(24_000, 20, 1, True, 15), losing(0.15, 4), 0.02, 170),
        (Speech(16_000, 60, 2), losing(0.20, 5), 0.025, 330),
        (Speech(24_000, 20, 3), bursts(0.05, 5, 6), 0.045, 200),
        (Speech(24_000, 20), jittery(0.03, 7), 0.006, 290),
        (Speech(24_000, 40), jittery(0.03, 8), 0.006, 310),
    ],
)
def test_loss_and_jitter(speech: Speech, arrive: Arrive, concealed: float, delay_ms: float) -> None:
    run = heard(speech, 30.0, arrive)
    assert concealed_share(run) <= concealed
    assert np.median(run.delay_between(5, 30)) * 1000 <= delay_ms


@pytest.mark.parametrize("frame_ms", [20, 60])
def test_a_queue_that_grows_slows_speech_down_before_it_breaks_and_is_left_behind(frame_ms: int) -> None:
    """The delay grows by 1.5 s within 5 s, and is gone again at 20 s."""
    grow = delayed(lambda t: min(1.5, max(0.0, t - 8) * 0.3) if t < 20 else 0.0)
    run = heard(Speech(16_000, frame_ms), 32.0, grow)
    assert run.playout.counters.concealed < 0.25 * RATE
    assert run.playout.counters.inserted > 0.8 * RATE
    assert max(run.delay_between(15, 20)) < 1.5 + 0.05 + 0.3
    assert max(run.delay_between(29, 32)) < 0.35


@pytest.mark.parametrize("frame_ms", [20, 40, 60])
@pytest.mark.parametrize(
    ("jump", "slope", "top", "concealed"), [(0.9, 0.8, 2.0, 1.3), (0.3, 0.8, 2.0, 0.5), (0.0, 0.6, 1.0, 0.3)]
)
def test_packets_at_half_of_real_time_are_played_slowly_from_the_first_on(
    frame_ms: int, jump: float, slope: float, top: float, concealed: float
) -> None:
    """A TCP beside us begins: its first burst stands before us, then its window doubles with each round trip (0.2 s):
    the queue grows in stairs, to `top` seconds. What the first burst holds up (`jump`) cannot be bridged.
    """
    grow = delayed(lambda t: min(top, jump + slope * 0.2 * ((t - 12) // 0.2)) if t >= 12 else 0.0)
    run = heard(Speech(16_000, frame_ms), 20.0, grow)
    assert run.playout.counters.concealed < concealed * RATE
    assert run.playout.counters.inserted > 0.5 * (top - jump) * RATE
    assert np.median(run.delay_between(16, 20)) < top + 0.05 + frame_ms / 1000 + 0.1


def test_a_sudden_queue_of_a_second_costs_its_own_length_and_no_more() -> None:
    run = heard(Speech(24_000, 20), 20.0, delayed(lambda t: 0.9 if t > 8 else 0.0))
    assert run.playout.counters.concealed < 1.0 * RATE
    assert np.median(run.delay_between(12, 20)) < 0.9 + 0.05 + 0.08


@pytest.mark.parametrize("seconds", [4, 15])
@pytest.mark.parametrize("held", [False, True])
def test_after_an_outage_speech_is_back_at_once_and_fresh(seconds: int, held: bool) -> None:
    """`held`: what was sent into the outage comes in a burst after it, 0.3 s of it."""
    end = 5.0 + seconds

    def arrive(sent: float, _number: int) -> float | None:
        if not 5.0 <= sent < end:
            return sent + 0.05
        return end + 0.05 + (sent - 5.0) * 0.1 if held and sent < 5.3 else None

    run = heard(Speech(24_000, 20), end + 3.0, arrive, tone())
    back = run.sound[int((end + 0.05) * RATE) :]
    loud = np.flatnonzero(np.abs(back.astype(int)) > 4000)
    assert loud[0] / RATE < 0.1
    assert max(run.delay_between(end + 1.0, end + 3.0)) < 0.16
    assert run.playout.counters.silent_concealed > 0.9 * (seconds - 0.5) * RATE


@pytest.mark.parametrize("parts_per_million", [200, -200])
def test_drift_of_the_clocks_is_made_up_for_without_a_step(parts_per_million: int) -> None:
    """Five minutes here; two hours by `drifting(200, 7200)`."""
    run = drifting(parts_per_million, 300)
    slow = parts_per_million * 1e-6
    delays = np.array([now - (now - delay) * (1 + slow) for now, delay in run.delays if now > 10])
    middle = np.median(delays[: len(delays) // 500 * 500].reshape(-1, 500), axis=1)
    assert middle.max() - middle.min() <= 0.02
    assert run.playout.counters.concealed == 0
    assert run.step < 1.3 * largest_step(tone())


def test_the_format_may_change_between_any_two_packets() -> None:
    run, at, place = Run(), 0.0, 0
    formats = [Speech(24_000, 20), Speech(8_000, 120), Speech(12_000, 60), Speech(32_000, 40), Speech(6_000, 60)]
    for speech in formats * 3:
        packets = encoded(speech, np.roll(spoken(), -place), 1.2)
        send_all(run, speech, packets, steady(), first=place, at=at)
        at, place = at + 1.2, place + round(1.2 * RATE)
    run.until(at)
    counters = run.playout.counters
    assert counters.concealed <= 15 * 120 * MS
    assert concealed_share(run) < 0.03
    assert run.playout.standing < 0.3


def test_w3c_counters_agree_with_each_other() -> None:
    run = heard(Speech(24_000, 20, 1), 20.0, losing(0.1, 9))
    counters = run.playout.counters
    total = sum(map(len, run.played))
    assert total - RATE // 2 < counters.received <= total
    assert abs(counters.emitted + counters.concealed + counters.inserted - counters.cut - counters.received) < RATE / 4
    assert 0.01 < counters.delay / counters.emitted < 0.2
    assert counters.minimum_delay == counters.target_delay > 0
    assert counters.recovered_red > 50
