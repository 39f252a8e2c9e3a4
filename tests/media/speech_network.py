"""Speech over a modelled network on simulated time: real Opus, seeded losses, the loudspeaker's pulls. No sockets."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import av
import numpy as np

import app.demo.media as samples
from app.media.audio.opus import OpusEncoder
from app.media.audio.playout import MS, Playout, SpeechPacket
from app.media.rate.speech import Speech

RATE = 48_000
Arrive = Callable[[float, int], float | None]
"""(sent at, packet number) -> arrives at, or None: lost."""


@cache
def spoken() -> np.ndarray:
    """The demo's recording, mono at 48 kHz."""
    with av.open(str(Path(samples.__file__).parent / "speech_home.flac")) as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        parts = [p.to_ndarray().reshape(-1) for f in container.decode(audio=0) for p in resampler.resample(f)]
    return np.concatenate(parts).astype(np.int16)


@cache
def tone(seconds: float = 1.0, hertz: int = 200) -> np.ndarray:
    places = np.arange(int(seconds * RATE))
    return np.asarray(8000 * np.sin(places * 2 * np.pi * hertz / RATE), np.int16)


def encoded(speech: Speech, sound: np.ndarray, seconds: float) -> list[bytes]:
    encoder, size = OpusEncoder(speech), speech.frame_ms * MS
    sound = np.resize(sound, int(seconds * RATE))
    return [encoder.encode(sound[at : at + size]) for at in range(0, len(sound) - size + 1, size)]


def steady(delay: float = 0.05) -> Arrive:
    return lambda sent, _number: sent + delay


def losing(share: float, seed: int, delay: float = 0.05) -> Arrive:
    chance = random.Random(seed)
    return lambda sent, _number: None if chance.random() < share else sent + delay


def bursts(share: float, length: float, seed: int, delay: float = 0.05) -> Arrive:
    """Gilbert-Elliott by its mean loss and its mean burst in packets."""
    chance, state = random.Random(seed), [False]

    def arrive(sent: float, _number: int) -> float | None:
        end = 1 / length
        begin = share * end / (1 - share)
        state[0] = chance.random() >= end if state[0] else chance.random() < begin
        return None if state[0] else sent + delay

    return arrive


def jittery(deviation: float, seed: int, delay: float = 0.1) -> Arrive:
    """Gaussian, cut at three deviations; packets overtake each other."""
    chance = random.Random(seed)
    return lambda sent, _number: sent + delay + max(-3, min(3, chance.gauss(0, 1))) * deviation


def delayed(extra: Callable[[float], float], delay: float = 0.05) -> Arrive:
    """A queue that makes packets `extra(sent)` seconds late, in order."""
    last = [0.0]

    def arrive(sent: float, _number: int) -> float:
        last[0] = max(last[0], sent + delay + extra(sent))
        return last[0]

    return arrive


@dataclass
class Run:
    """One listener: `push` in the order of arrival, `pull` every `pull_ms`; what was played, how much stood when.

    `keep` False keeps no sound, but the largest step from sample to sample after the first ten seconds (`step`).
    """

    playout: Playout = field(default_factory=Playout)
    pull_ms: int = 20
    start: float = 0.003
    keep: bool = True
    step: int = 0
    played: list[np.ndarray] = field(default_factory=list)
    standing: list[tuple[float, float]] = field(default_factory=list)
    delays: list[tuple[float, float]] = field(default_factory=list)
    _pending: list[tuple[float, int, SpeechPacket]] = field(default_factory=list)
    _count: int = 0
    _last: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int16))

    def send(self, packet: SpeechPacket, arrives: float | None) -> None:
        if arrives is not None:
            heapq.heappush(self._pending, (arrives, len(self._pending) + self._count * 10_000, packet))

    def until(self, end: float) -> None:
        while (now := self.start + self._count * self.pull_ms / 1000) < end:
            while self._pending and self._pending[0][0] <= now:
                at, _, packet = heapq.heappop(self._pending)
                self.playout.push(packet, at)
            self._take(self.playout.pull(self.pull_ms * MS, now), now)
            self.standing.append((now, self.playout.standing))
            place = self.playout.playing(now)
            if place is not None:
                self.delays.append((now, now - place / RATE))
            self._count += 1

    def _take(self, block: np.ndarray, now: float) -> None:
        if self.keep:
            self.played.append(block)
        elif now > 10:
            self.step = max(self.step, largest_step(np.concatenate([self._last, block])))
        self._last = block[-1:]

    @property
    def sound(self) -> np.ndarray:
        return np.concatenate(self.played)

    def delay_between(self, start: float, end: float) -> list[float]:
        """Seconds from a sample's capture to its leaving the loudspeaker."""
        return [delay for now, delay in self.delays if start <= now < end]


def send_all(
    run: Run,
    speech: Speech,
    packets: list[bytes],
    arrive: Arrive,
    *,
    first: int = 0,
    at: float = 0.0,
    slow: float = 0.0,
) -> None:
    """Frame by frame as a sender would, RED copies with their packet. `slow`: so much slower the sender's clock is."""
    size = speech.frame_ms * MS
    for number, payload in enumerate(packets):
        arrives = arrive(at + (number + 1) * size / RATE * (1 + slow), number)
        for back in range(min(number, speech.redundancy), 0, -1):
            copy = packets[number - back]
            run.send(SpeechPacket(-1, first + (number - back) * size, copy, True), arrives)
        run.send(SpeechPacket(number, first + number * size, payload), arrives)


def heard(speech: Speech, seconds: float, arrive: Arrive, sound: np.ndarray | None = None, pull_ms: int = 20) -> Run:
    run = Run(pull_ms=pull_ms)
    packets = encoded(speech, spoken() if sound is None else sound, seconds)
    send_all(run, speech, packets, arrive)
    run.until(seconds)
    return run


def drifting(parts_per_million: float, seconds: float) -> Run:
    """A sender whose clock is off by so much, in 60 ms frames of a tone (1.02 s of packets again and again).
    Two hours are `drifting(200, 7200)`, about a minute of computing.
    """
    speech = Speech(24_000, 60)
    loop = encoded(speech, tone(1.02), 10.2)[-17:]
    run, size = Run(keep=False), speech.frame_ms * MS
    slow = parts_per_million * 1e-6
    for number in range(int(seconds * 1000 / speech.frame_ms)):
        sent = (number + 1) * size / RATE * (1 + slow)
        run.send(SpeechPacket(number, number * size, loop[number % len(loop)]), sent + 0.05)
        if number % 100 == 99:
            run.until(sent)
    return run


def concealed_share(run: Run) -> float:
    counters = run.playout.counters
    return (counters.concealed - counters.silent_concealed) / counters.received


def largest_step(sound: np.ndarray) -> int:
    return int(np.abs(np.diff(sound.astype(np.int32))).max(initial=0))
