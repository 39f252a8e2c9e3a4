"""Makes flashes and beeps, and finds them again in a clip."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import av
import numpy as np

RATE = 48_000


def picture(light: bool, width: int = 640, height: int = 360) -> av.VideoFrame:
    planes = np.full((height * 3 // 2, width), 128, np.uint8)
    planes[:height] = np.random.default_rng(3).integers(0, 40, (height, width), np.uint8) + (180 if light else 20)
    return av.VideoFrame.from_ndarray(planes, format="yuv420p")


def beep(seconds: float) -> np.ndarray:
    return (8000 * np.sin(np.arange(round(seconds * RATE)) * 2 * np.pi * 800 / RATE)).astype(np.int16)


def write_beeps(path: Path, seconds: float = 1.0) -> Path:
    """A tenth of a second of sound at the beginning of each second."""
    samples = np.concatenate([beep(0.1), np.zeros(round((seconds - 0.1) * RATE), np.int16)])
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return path


def write_flashes(path: Path, seconds: float = 1.0, fps: int = 25) -> Path:
    """A tenth of a second of light at the beginning of each second, 1280x720."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        for number in range(round(seconds * fps)):
            container.mux(stream.encode(picture(number / fps < 0.1, 1280, 720)))
        container.mux(stream.encode(None))
    return path


class Seen:
    """What is in a clip: `flashes` and `beeps` (s), its length and its pictures' size."""

    def __init__(self, data: bytes) -> None:
        self.flashes: list[float] = []
        self.beeps: list[float] = []
        self.pictures = 0
        with av.open(io.BytesIO(data), format="mp4") as container:
            self.codecs = sorted(stream.codec_context.name for stream in container.streams)
            self.size = (container.streams.video[0].width, container.streams.video[0].height)
            before = True
            for frame in container.decode(video=0):
                light = frame.to_ndarray(format="gray").mean() > 120
                if light and not before:
                    self.flashes.append(float(frame.time))
                before, self.last = light, float(frame.time)
                self.pictures += 1
        with av.open(io.BytesIO(data), format="mp4") as container:
            parts = [(float(f.time), f.to_ndarray().reshape(-1)) for f in container.decode(audio=0)]
        self.sound = np.concatenate([samples for _, samples in parts])
        self.seconds = parts[0][0] + len(self.sound) / RATE
        self.beeps = [parts[0][0] + at for at in onsets(self.sound, 0.05)]

    def apart(self) -> list[float]:
        """How long after each flash its beep comes (s)."""
        return [min((beep - flash for beep in self.beeps), key=abs) for flash in self.flashes]


def onsets(samples: np.ndarray, loud: float) -> list[float]:
    """Where sound begins after 200 ms of quiet (s)."""
    loud_at = np.flatnonzero(np.abs(samples) > loud)
    if not len(loud_at):
        return []
    first = loud_at[:1] if loud_at[0] > 0.2 * RATE else loud_at[:0]
    return [float(at) / RATE for at in (*first, *loud_at[1:][np.diff(loud_at) > 0.2 * RATE])]
