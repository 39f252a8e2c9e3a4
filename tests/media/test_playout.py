"""Playout piece by piece: what is pushed, what comes out, what is counted. Whole networks: test_playout_networks."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.media.audio.jitter import HIGHEST_S
from app.media.audio.opus import has_fec
from app.media.audio.playout import MS, Playout, SpeechPacket
from app.media.audio.waiting import MOST_PACKETS
from app.media.rate.speech import Speech
from tests.media.speech_network import RATE, Run, encoded, heard, send_all, spoken, steady, tone

CHUNK = 20 * MS


def _primed(packets: list[bytes], leave_out: frozenset[int] = frozenset(), until: float = 1.0) -> Run:
    """20 ms packets on a steady link, some of them left out."""
    run = Run()
    send_all(run, Speech(24_000, 20), packets, lambda sent, n: None if n in leave_out else sent + 0.05)
    run.until(until)
    return run


def test_silence_before_anything_came_and_it_is_not_counted() -> None:
    playout = Playout()
    assert not playout.pull(CHUNK, 0.0).any()
    assert playout.counters.received == 0
    assert playout.playing(0.0) is None
    assert playout.standing == playout.target == 0.0


def test_a_steady_link_plays_all_of_it_in_order_with_little_standing() -> None:
    run = heard(Speech(24_000, 20), 4.0, steady(), tone())
    assert run.playout.counters.concealed == 0
    assert run.playout.counters.recovered_red == run.playout.counters.recovered_fec == 0
    assert 0.005 < np.mean([standing for now, standing in run.standing if now > 2]) < 0.045
    assert max(run.delay_between(2, 4)) < 0.05 + 0.02 + 0.045
    again = np.roll(run.sound[RATE * 2 :], -RATE // 200)[: RATE // 2].astype(float)
    assert np.corrcoef(again, run.sound[RATE * 2 :][: RATE // 2].astype(float))[0, 1] > 0.99


@pytest.mark.parametrize("pull_ms", [10, 20])
@pytest.mark.parametrize("frame_ms", [20, 40, 60, 120])
def test_every_frame_length_and_pull_plays_without_a_gap(frame_ms: int, pull_ms: int) -> None:
    run = heard(Speech(12_000, frame_ms), 3.0, steady(), pull_ms=pull_ms)
    assert run.playout.counters.concealed == 0
    assert all(len(block) == pull_ms * MS for block in run.played)
    least = min(standing for now, standing in run.standing if now > 1)
    assert least < 0.035


def test_a_lost_packet_is_concealed_in_its_place_and_what_follows_keeps_its_time() -> None:
    packets = encoded(Speech(24_000, 20), tone(), 2.0)
    whole, holed = _primed(packets, until=2.0), _primed(packets, frozenset({50}), until=2.0)
    counters = holed.playout.counters
    assert counters.concealed == CHUNK
    assert counters.silent_concealed == 0
    assert counters.concealment_events == 1
    assert counters.emitted == whole.playout.counters.emitted - CHUNK
    apart = np.abs(whole.sound.astype(int) - holed.sound.astype(int))
    assert apart[: int(1.04 * RATE)].max() == 0
    assert apart[-RATE // 4 :].max() < 1500, "the same moment is played at the same time"


def test_a_red_copy_or_in_band_fec_stands_in_for_a_lost_packet_and_is_not_concealment() -> None:
    for speech, name in ((Speech(24_000, 20, 1), "recovered_red"), (Speech(24_000, 20, 0, True, 20), "recovered_fec")):
        packets = encoded(speech, spoken()[RATE // 2 :], 6.0)
        run = Run()
        send_all(run, speech, packets, lambda sent, n: None if n > 25 and n % 9 == 4 else sent + 0.05)
        run.until(6.0)
        lost = [n for n in range(26, 290) if n % 9 == 4]
        covered = sum(speech.redundancy > 0 or has_fec(packets[n + 1]) for n in lost)
        missed = len(lost) - covered
        assert covered > 20
        assert getattr(run.playout.counters, name) >= covered - 2, "it must learn that copies are worth a wait"
        assert run.playout.counters.concealed <= (missed + 3) * CHUNK


def test_late_and_reordered_packets_serve_and_duplicates_do_nothing() -> None:
    packets = encoded(Speech(24_000, 20), tone(), 3.0)
    run = Run()
    for twice in range(2):
        del twice
        send_all(run, Speech(24_000, 20), packets, lambda sent, n: sent + (0.075 if n % 10 == 3 else 0.05))
    run.until(3.0)
    assert run.playout.counters.concealed <= 3 * CHUNK
    assert run.playout.counters.packets >= 2 * 140
    assert run.playout.counters.emitted <= 3 * RATE


def test_a_packet_whose_place_was_concealed_is_discarded_and_counted() -> None:
    packets = encoded(Speech(24_000, 20), tone(), 2.0)
    run = Run()
    send_all(run, Speech(24_000, 20), packets, lambda sent, n: sent + (0.3 if n == 50 else 0.05))
    run.until(2.0)
    assert run.playout.counters.discarded == 1
    assert run.playout.counters.concealed == CHUNK


def test_starved_it_conceals_without_using_time_and_plays_the_awaited_packet_whole() -> None:
    packets = encoded(Speech(24_000, 20), tone(), 2.0)
    run = Run()
    send_all(run, Speech(24_000, 20), packets, lambda sent, n: max(sent + 0.05, 1.3 if n >= 55 else 0.0))
    run.until(2.0)
    counters = run.playout.counters
    assert counters.emitted == run.playout._decoding.place, "nothing of it is skipped"
    assert 0.05 * RATE < counters.concealed < 0.2 * RATE
    assert counters.concealment_events == 1
    assert run.delay_between(1.5, 1.6)[0] > run.delay_between(1.0, 1.1)[0] + 0.05


def test_long_concealment_becomes_the_rooms_noise_and_neither_buzz_nor_dead_silence() -> None:
    room = np.random.default_rng(5).normal(0, 30, 4 * RATE)
    words = room + np.concatenate([tone(1.0), np.zeros(RATE // 2), tone(1.0), np.zeros(3 * RATE // 2)])
    packets = encoded(Speech(24_000, 20), np.asarray(words, np.int16), 2.0)
    run = _primed(packets, until=3.0)
    blocks = [np.std(block.astype(float)) for block in run.played[-30:]]
    assert min(blocks) > 2
    assert max(blocks) < 120
    counters = run.playout.counters
    assert counters.silent_concealed > 0.6 * RATE
    assert counters.silent_concealed < counters.concealed


def test_dtx_gaps_are_silence_and_no_event() -> None:
    speech = Speech(16_000, 20, dtx=True)
    sound = np.concatenate([spoken()[: 2 * RATE], np.zeros(2 * RATE, np.int16), spoken()[: 2 * RATE]])
    packets = encoded(speech, sound, 6.0)
    assert sum(len(packet) <= 2 for packet in packets) > 60
    run, sequence = Run(), 0
    for number, packet in enumerate(packets):
        if len(packet) > 2:  # as a sender does: no packet, no sequence number
            run.send(SpeechPacket(sequence, number * CHUNK, packet), (number + 1) * 0.02 + 0.05)
            sequence += 1
    run.until(6.0)
    counters = run.playout.counters
    assert counters.silent_concealed > 0.5 * RATE
    assert counters.concealed - counters.silent_concealed <= 2 * CHUNK
    assert counters.concealment_events <= 1
    assert max(run.delay_between(5, 6)) < 0.14


def test_a_new_stream_begins_at_any_timestamp_and_what_was_left_is_played_out() -> None:
    packets = encoded(Speech(24_000, 20), tone(), 1.0)
    run = _primed(packets, until=1.0)
    left = run.playout.standing
    run.playout.restart()
    assert run.playout.standing == pytest.approx(left, abs=0.001)
    before = run.playout.counters.concealed
    run.until(1.01)
    assert run.playout.counters.concealed <= before + (CHUNK if left < 0.02 else 0)
    send_all(run, Speech(24_000, 20), packets, steady(), first=77_777, at=1.0)
    run.until(2.0)
    assert run.playout.counters.concealed < 0.2 * RATE
    place = run.playout.playing(2.0)
    assert place is not None
    assert 77_777 < place < 77_777 + RATE


def test_one_forged_timestamp_does_nothing_and_a_stream_that_jumps_goes_on() -> None:
    packets = encoded(Speech(24_000, 20), tone(), 3.0)
    run = Run()
    send_all(run, Speech(24_000, 20), packets[:100], steady())
    run.send(SpeechPacket(60, 2**40, packets[0]), 1.201)
    run.send(SpeechPacket(61, -(2**40), packets[0]), 1.222)
    send_all(run, Speech(24_000, 20), packets[100:], steady(), first=2**33, at=2.0)
    run.until(3.0)
    assert run.playout.counters.refused >= 2
    assert run.playout.counters.concealed < 0.1 * RATE
    assert np.abs(run.sound[-RATE // 4 :]).max() > 7000


def test_playing_follows_the_clock_between_pulls() -> None:
    run = _primed(encoded(Speech(24_000, 20), tone(), 1.0), until=0.8)
    now = run.standing[-1][0]
    first, later = run.playout.playing(now), run.playout.playing(now + 0.01)
    assert first is not None
    assert later is not None
    assert later - first == pytest.approx(480)
    assert 0.6 * RATE < first < 0.8 * RATE


def test_a_loudspeaker_that_stood_still_does_not_leave_its_delay_behind() -> None:
    packets = encoded(Speech(24_000, 20), tone(), 6.0)
    run = Run()
    send_all(run, Speech(24_000, 20), packets, steady())
    run.until(1.0)
    run.start += 3.0  # nothing was pulled for 3 s
    run.until(5.9)
    assert min(run.delay_between(5.5, 5.9)) < 0.2


_STEPS = st.one_of(
    st.tuples(st.just("next"), st.integers(0, 3), st.booleans()),
    st.tuples(st.just("junk"), st.binary(max_size=60), st.integers(-(2**45), 2**45)),
    st.tuples(st.just("pull"), st.sampled_from([1, 480, 960, 1111, 2880]), st.integers(0, 50)),
)


@settings(deadline=None, max_examples=40)  # the machine may be busy
@given(st.lists(_STEPS, min_size=1, max_size=80), st.sampled_from([20, 60, 120]))
def test_whatever_is_pushed_every_pull_gives_what_was_asked_for(steps: list[tuple], frame_ms: int) -> None:
    playout, now, number = Playout(), 0.0, 0
    payloads = _payloads(frame_ms)
    for kind, first, second in steps:
        if kind == "next":
            number += 1 + first
            payload = payloads[number % len(payloads)]
            playout.push(SpeechPacket(number, number * frame_ms * MS, payload, second), now)
        elif kind == "junk":
            playout.push(SpeechPacket(second, second, first), now)
        else:
            now += second / 1000
            assert playout.pull(first, now).shape == (first,)
    counters = playout.counters
    assert 0 <= counters.silent_concealed <= counters.concealed <= counters.received + 2 * CHUNK
    assert counters.concealment_events >= 0
    assert 0 <= playout.standing < 60
    assert playout.target >= 0 or counters.packets == 0


_CACHE: dict[int, list[bytes]] = {}


def _payloads(frame_ms: int) -> list[bytes]:
    return _CACHE.setdefault(frame_ms, encoded(Speech(24_000, frame_ms, 0, True, 20), spoken(), 2.4))


def test_packets_that_nobody_plays_cost_a_bounded_memory() -> None:
    playout, payload = Playout(), _payloads(20)[0]
    for number in range(20_000):
        playout.push(SpeechPacket(number, number * CHUNK, payload), number * 0.001)
    assert len(playout._decoding.waiting) <= MOST_PACKETS
    assert playout.pull(CHUNK, 20.0).shape == (CHUNK,)
    assert playout.standing < HIGHEST_S + 0.5, "what is far too old is left out"


def test_pushing_from_other_threads_while_pulling_does_no_harm() -> None:
    playout, packets = Playout(), _payloads(20)
    start = threading.Barrier(3)

    def push(offset: int) -> None:
        start.wait(10)
        for number in range(offset, 1000, 2):
            playout.push(SpeechPacket(number, number * CHUNK, packets[number % len(packets)]), number * 0.02)

    threads = [threading.Thread(target=push, args=(offset,)) for offset in range(2)]
    for thread in threads:
        thread.start()
    start.wait(10)
    blocks = [playout.pull(CHUNK, number * 0.02) for number in range(1000)]
    for thread in threads:
        thread.join(10)
    assert all(len(block) == CHUNK for block in blocks)
