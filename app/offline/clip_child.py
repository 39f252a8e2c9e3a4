"""The child process that decodes a foreign clip: run as a file by `python -I`, under the limits of limited.py.

Arguments: "whole", "piece", "look", "front" (a look, with one picture) or "voice"; where a piece begins and how long
it is (ms); the most seconds, pixels of a picture, pictures a second and bytes to give back. The clip comes in on
stdin. Out on stdout go a line of JSON, {"ok": true, "times": [s], "sizes": [bytes], "sound": bytes, "width": w,
"height": h, "seconds": s} (fewer of them for a look, a front or a voice) or {"ok": false, "why": "..."}, then the
pictures (JPEG) and the sound (mono, 48 kHz, 16 bits). It imports nothing of ours, writes no file and needs no network.
"""

from __future__ import annotations

import io
import json
import os
import sys
from dataclasses import dataclass, field
from typing import Any

RATE = 48_000
_REORDERED_S = 1.0  # so much later than its neighbours a packet may stand that is shown before them
_UNEVEN = 0.6  # of a picture's time: cameras do not keep their beat
_NEARLY = 0.8
_PICTURES, _SOUND = ("h264",), ("opus",)


class Refused(Exception):
    """Not what our recorder makes, or out of bounds."""


@dataclass
class Bounds:
    seconds: float
    pixels: int
    fps: float
    bytes: int
    start: float = 0.0
    end: float = float("inf")


@dataclass
class Made:
    times: list[float] = field(default_factory=list)
    pictures: list[bytes] = field(default_factory=list)
    sound: list[bytes] = field(default_factory=list)
    samples: int = 0
    width: int = 0
    height: int = 0
    size: int = 0
    before: Any = None  # the picture on show when a piece begins


def _open(av: Any, data: bytes, bounds: Bounds) -> tuple[Any, Any, Any]:
    """(container, pictures, sound or None): one stream of pictures, at most one of sound, of our codecs alone."""
    # The format is named, so that no other demuxer is tried; a reference to another file is not followed.
    container = av.open(io.BytesIO(data), format="mp4", options={"enable_drefs": "0", "use_absolute_path": "0"})
    pictures, sound = list(container.streams.video), list(container.streams.audio)
    if len(pictures) != 1 or len(sound) > 1 or len(container.streams) != len(pictures) + len(sound):
        raise Refused("other streams than one of pictures and one of sound")
    names = (pictures[0].codec_context.name, *(s.codec_context.name for s in sound))
    if names[0] not in _PICTURES or any(name not in (*_SOUND, "libopus") for name in names[1:]):
        raise Refused("other codecs than ours")
    for stream in (*pictures, *sound):
        stream.codec_context.thread_count = 1
    width, height = pictures[0].codec_context.width, pictures[0].codec_context.height
    if not width >= 16 or not height >= 16 or width * height > bounds.pixels:
        raise Refused("a picture's size")
    return container, pictures[0], sound[0] if sound else None


def _decode(av: Any, cv2: Any, data: bytes, bounds: Bounds) -> Made:
    container, pictures, sound = _open(av, data, bounds)
    made, resampler = Made(), av.AudioResampler(format="s16", layout="mono", rate=RATE)
    length = (container.duration or 0) / 1_000_000
    with container:
        if bounds.start > 0.0:
            container.seek(int(bounds.start * 1_000_000))  # to the key picture before it
        for packet in container.demux([s for s in (pictures, sound) if s is not None]):
            if _time(packet) > bounds.end + _REORDERED_S:
                continue
            for frame in packet.decode():
                if isinstance(frame, av.VideoFrame):
                    _picture(cv2, frame, made, bounds)
                else:
                    for part in resampler.resample(frame):
                        _heard(part, made, bounds)
    if not made.pictures and bounds.start < length:  # near the end, where the last picture stays on show
        _shown_before(cv2, made, bounds)
    if not made.pictures:
        raise Refused("no pictures")
    return made


def _time(packet: Any) -> float:
    return 0.0 if packet.pts is None else float(packet.pts * packet.time_base)


@dataclass
class Front:
    """The pictures among which one is chosen to stand for the clip, each with its sharpness."""

    found: list[tuple[float, Any]] = field(default_factory=list)
    until_s: float = 2.0
    most: int = 30
    side: int = 640

    def wants(self, packet: Any) -> bool:
        return len(self.found) < self.most and _time(packet) < self.until_s

    def add(self, cv2: Any, frames: list[Any]) -> None:
        for frame in frames:
            scale = min(1.0, self.side / max(frame.width, frame.height))
            size = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
            picture = cv2.resize(frame.to_ndarray(format="bgr24"), size, interpolation=cv2.INTER_AREA)
            grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
            self.found.append((float(cv2.Laplacian(grey, cv2.CV_64F).var()), picture))

    def chosen(self, cv2: Any) -> bytes:
        """A camera's first pictures are often dark or out of focus: the first that is nearly the sharpest."""
        best = max(sharp for sharp, _ in self.found)
        picture = next(picture for sharp, picture in self.found if sharp >= _NEARLY * best)
        done, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])
        if not done:
            raise Refused("it does not encode")
        return bytes(jpeg)


def _look(av: Any, cv2: Any, data: bytes, bounds: Bounds, front: Front | None = None) -> dict[str, object]:
    """Counts packets, and decodes until the first picture, or as far as `front` wants."""
    container, pictures, sound = _open(av, data, bounds)
    end, seen = 0.0, False
    with container:
        for packet in container.demux([s for s in (pictures, sound) if s is not None]):
            if packet.pts is not None:
                end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            if packet.stream is pictures and (not seen or (front is not None and front.wants(packet))):
                frames = [frame for frame in packet.decode() if frame.width * frame.height <= bounds.pixels]
                seen = seen or bool(frames)
                if front is not None:
                    front.add(cv2, frames)
    if not seen:
        raise Refused("no pictures")
    if not 0.0 < end <= bounds.seconds:
        raise Refused("too long")
    size = pictures.codec_context
    return {"ok": True, "seconds": end, "width": size.width, "height": size.height, "sound": sound is not None}


def _voice(av: Any, data: bytes, bounds: Bounds) -> Made:
    container = av.open(io.BytesIO(data), format="ogg")
    sound = list(container.streams)
    if len(sound) != 1 or sound[0].type != "audio" or sound[0].codec_context.name not in (*_SOUND, "libopus"):
        raise Refused("something else than one stream of sound")
    made, resampler = Made(), av.AudioResampler(format="s16", layout="mono", rate=RATE)
    with container:
        for frame in container.decode(sound[0]):
            for part in resampler.resample(frame):
                _heard(part, made, bounds)
    if not made.samples:
        raise Refused("no sound")
    return made


def _picture(cv2: Any, frame: Any, made: Made, bounds: Bounds) -> None:
    at = float(frame.time) if frame.time is not None else 0.0
    if not 0.0 <= at <= bounds.seconds:
        raise Refused("too long")
    if at >= bounds.end:
        return
    if at < bounds.start:
        made.before = frame
        return
    if not made.pictures and at > bounds.start:
        _shown_before(cv2, made, bounds)
    _keep(cv2, frame, at - bounds.start, made, bounds)


def _shown_before(cv2: Any, made: Made, bounds: Bounds) -> None:
    if made.before is not None:
        _keep(cv2, made.before, 0.0, made, bounds)
        made.before = None


def _keep(cv2: Any, frame: Any, at: float, made: Made, bounds: Bounds) -> None:
    if frame.is_corrupt:
        raise Refused("a damaged picture")
    if frame.width * frame.height > bounds.pixels:
        raise Refused("a picture's size")
    if made.times and at - made.times[-1] < _UNEVEN / bounds.fps:
        return
    if made.pictures and (frame.width, frame.height) != (made.width, made.height):
        raise Refused("pictures of two sizes")
    made.width, made.height = frame.width, frame.height
    done, jpeg = cv2.imencode(".jpg", frame.to_ndarray(format="bgr24"), [cv2.IMWRITE_JPEG_QUALITY, 85])
    if not done:
        raise Refused("it does not encode")
    _count(len(jpeg), made, bounds)
    made.times.append(at)
    made.pictures.append(jpeg.tobytes())


def _heard(frame: Any, made: Made, bounds: Bounds) -> None:
    """Put where its time says; what overlaps is left out."""
    samples = frame.to_ndarray().reshape(-1)
    start = round(bounds.start * RATE)
    place = round(float(frame.time) * RATE) if frame.time is not None else start + made.samples
    if not -RATE <= place <= bounds.seconds * RATE:
        raise Refused("too long")
    place -= start
    if bounds.end < bounds.seconds:
        samples = samples[: max(0, round((bounds.end - bounds.start) * RATE) - place)]
    if place + len(samples) <= 0 or not len(samples):
        return
    if place > made.samples:
        made.sound.append(bytes(2 * (place - made.samples)))
        made.samples = place
    samples = samples[made.samples - place :] if place < made.samples else samples
    _count(samples.nbytes, made, bounds)
    made.sound.append(samples.tobytes())
    made.samples += len(samples)


def _count(size: int, made: Made, bounds: Bounds) -> None:
    made.size += size
    if made.size > bounds.bytes:
        raise Refused("too much")


def _answer(result: dict[str, object], *body: bytes) -> int:
    sys.stdout.buffer.write(json.dumps(result).encode() + b"\n")
    for part in body:
        sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()
    return 0


def main(arguments: list[str]) -> int:
    what, *numbers = arguments
    start, length, seconds, pixels, fps, most = (int(text) for text in numbers)
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", OPENCV_LOG_LEVEL="SILENT")
    import av
    import cv2

    cv2.setNumThreads(1)
    av.logging.set_level(None)
    try:
        bounds = Bounds(seconds, pixels, fps, most)
        if what == "piece":
            bounds.start, bounds.end = start / 1000, (start + length) / 1000
        data = sys.stdin.buffer.read()
        if what == "look":
            return _answer(_look(av, cv2, data, bounds))
        if what == "front":
            front = Front()
            told = _look(av, cv2, data, bounds, front)
            return _answer(told, front.chosen(cv2))
        if what == "voice":
            made = _voice(av, data, bounds)
            return _answer({"ok": True, "sound": 2 * made.samples}, *made.sound)
        made = _decode(av, cv2, data, bounds)
    except (Refused, av.FFmpegError, cv2.error, MemoryError, ValueError, OSError) as exc:
        return _answer({"ok": False, "why": f"{type(exc).__name__}: {exc}"[:200]})
    head = {
        "ok": True,
        "times": made.times,
        "sizes": [len(picture) for picture in made.pictures],
        "sound": 2 * made.samples,
        "width": made.width,
        "height": made.height,
        "seconds": max(made.times[-1], made.samples / RATE),
    }
    return _answer(head, *made.pictures, *made.sound)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
