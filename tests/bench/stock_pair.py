"""Two stock aiortc peers in one process, their signalling through a relay: the yardstick, with its own defaults."""

from __future__ import annotations

import asyncio
import fractions
import itertools
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import av
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from numpy.typing import NDArray

from app.media.video.frames import luma
from app.peer_files import PeerFiles
from tests.bench.relay import HOST, Relay

_RATE, _CHUNK, _FPS = 48_000, 960, 25
_FIRST_SAMPLES, _MOST_SAMPLES = _RATE // 10, _RATE
_FILM_FRAMES = 200
_STATISTICS_S = 0.5


def read_speech(path: Path) -> NDArray[np.int16]:
    """The whole recording, mono at 48 kHz."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=_RATE)
    with av.open(str(path)) as container:
        parts = [g.to_ndarray().reshape(-1) for f in container.decode(audio=0) for g in resampler.resample(f)]
    return np.concatenate(parts)


def read_film(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return [f.reformat(format="yuv420p") for f in itertools.islice(container.decode(video=0), _FILM_FRAMES)]


class SpeechTrack(MediaStreamTrack):
    kind = "audio"

    def __init__(self, samples: NDArray[np.int16], files: PeerFiles) -> None:
        super().__init__()
        self._samples, self._files = np.concatenate([samples, samples[:_CHUNK]]), files
        self._loop_length, self._place, self._began = len(samples), 0, time.time()

    async def recv(self) -> av.AudioFrame:
        due = self._began + (self._place + _CHUNK) / _RATE
        await asyncio.sleep(max(0.0, due - time.time()))
        start = self._place % self._loop_length
        chunk = self._samples[start : start + _CHUNK]
        frame = av.AudioFrame.from_ndarray(chunk.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = _RATE, self._place, fractions.Fraction(1, _RATE)
        self._place += _CHUNK
        self._files.captured(due, chunk)
        return frame


class FilmTrack(MediaStreamTrack):
    kind = "video"

    def __init__(self, frames: list[av.VideoFrame], files: PeerFiles) -> None:
        super().__init__()
        self._frames, self._files = frames, files
        self._place, self._began = 0, time.time()

    async def recv(self) -> av.VideoFrame:
        wait = self._began + self._place / _FPS - time.time()
        if wait < -1 / _FPS:  # a camera does not wait: frames are skipped
            self._place += int(-wait * _FPS)
        await asyncio.sleep(max(0.0, wait))
        source = self._frames[self._place % len(self._frames)]
        frame = av.VideoFrame.from_ndarray(source.to_ndarray(), format="yuv420p")
        frame.pts, frame.time_base = self._place * 90_000 // _FPS, fractions.Fraction(1, 90_000)
        self._place += 1
        self._files.sent_picture(time.time(), luma(source))
        return frame


class Player:
    """What a sound card does with an engine that has no playout clock: begins when 100 ms are there, plays silence
    (counted as concealed) when there is nothing, drops the oldest above 1 s.
    """

    def __init__(self) -> None:
        self._waiting = np.zeros(0, np.int16)
        self._started = False
        self.total = self.concealed = 0

    def push(self, samples: NDArray[np.int16]) -> None:
        self._waiting = np.concatenate([self._waiting, samples])[-_MOST_SAMPLES:]
        self._started = self._started or len(self._waiting) >= _FIRST_SAMPLES

    def pull(self, count: int) -> NDArray[np.int16] | None:
        """None before the start."""
        if not self._started:
            return None
        given, self._waiting = self._waiting[:count], self._waiting[count:]
        self.total += count
        self.concealed += count - len(given)
        return np.concatenate([given, np.zeros(count - len(given), np.int16)])


class StockPeer:
    def __init__(self, files: PeerFiles, film: list[av.VideoFrame], speech: NDArray[np.int16]) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._files, self._film, self._speech = files, film, speech
        self._player = Player()
        self._tasks: list[asyncio.Task[None]] = []
        self.connection.on("track", self._on_track)

    def add_tracks(self) -> None:
        self.connection.addTrack(SpeechTrack(self._speech, self._files))
        if self._film:
            self.connection.addTrack(FilmTrack(self._film, self._files))
        self._tasks += [asyncio.ensure_future(self._play()), asyncio.ensure_future(self._tell())]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.connection.close()

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._tasks.append(asyncio.ensure_future(self._hear(track) if track.kind == "audio" else self._see(track)))

    async def _hear(self, track: MediaStreamTrack) -> None:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=_RATE)
        while (frame := await _next(track)) is not None:
            for part in resampler.resample(frame):
                self._player.push(part.to_ndarray().reshape(-1))

    async def _see(self, track: MediaStreamTrack) -> None:
        while (frame := await _next(track)) is not None:
            self._files.shown_picture(time.time(), luma(frame))

    async def _play(self) -> None:
        due = time.time()
        while True:
            due += _CHUNK / _RATE
            await asyncio.sleep(max(0.0, due - time.time()))
            samples = self._player.pull(_CHUNK)
            if samples is not None:
                self._files.played(due, samples)

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(_STATISTICS_S)
            heard = {"totalSamplesReceived": self._player.total, "concealedSamples": self._player.concealed}
            self._files.stats({"t": time.time(), "audio_in": heard})


async def _next(track: MediaStreamTrack) -> Any:
    try:
        return await track.recv()
    except MediaStreamError:
        return None


class StockPair:
    engine = "aiortc"

    def __init__(self, relay: Relay, files: dict[str, PeerFiles], film: Path | None, speech: Path) -> None:
        frames, samples = read_film(film) if film else [], read_speech(speech)
        self._relay = relay
        self._a, self._b = (StockPeer(files[side], frames, samples) for side in ("a", "b"))

    async def start(self) -> None:
        # aioice leaves loopback out of its candidates; here it is all there is.
        with patch("aioice.ice.get_host_addresses", lambda **_: [HOST]):
            self._a.add_tracks()
            await self._a.connection.setLocalDescription(await self._a.connection.createOffer())
            self._relay.start()
            await self._b.connection.setRemoteDescription(self._told("a", self._a.connection))
            self._b.add_tracks()
            await self._b.connection.setLocalDescription(await self._b.connection.createAnswer())
            await self._a.connection.setRemoteDescription(self._told("b", self._b.connection))

    async def close(self) -> None:
        await asyncio.gather(self._a.close(), self._b.close())

    def _told(self, side: str, connection: RTCPeerConnection) -> RTCSessionDescription:
        said = connection.localDescription
        return RTCSessionDescription(self._relay.sdp(side, said.sdp), said.type)
