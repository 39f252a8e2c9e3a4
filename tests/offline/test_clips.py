"""Clips from outside: ours are taken apart whole; impostors and broken ones end in a sentence."""

from __future__ import annotations

import contextlib
import io
import subprocess

import av
import cv2
import numpy as np
import pytest

from app.offline import clips
from app.offline.clips import (
    ClipBroken,
    ClipTooLarge,
    NotAClip,
    SafeClip,
    check_clip,
    safe_clip,
    safe_piece,
    safe_voice,
)


def film(seconds=1.0, fps=10, size=(160, 120), codec="libx264", sound="libopus", kind="mp4") -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format=kind) as container:
        pictures = container.add_stream(codec, rate=fps)
        pictures.width, pictures.height, pictures.pix_fmt = *size, "yuv420p"
        heard = container.add_stream(sound, rate=48_000, layout="mono") if sound else None
        for number in range(round(seconds * fps)):
            frame = av.VideoFrame.from_ndarray(
                np.full((size[1], size[0], 3), 20 * number % 250, np.uint8), format="bgr24"
            )
            container.mux(pictures.encode(frame))
        for number in range(round(seconds * 50)) if heard is not None else ():
            wave = (6000 * np.sin((number * 960 + np.arange(960)) * 0.06)).astype(np.int16)[None, :]
            tone = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
            tone.sample_rate, tone.pts = 48_000, number * 960
            container.mux(heard.encode(tone))
        for stream in (pictures, heard):
            if stream is not None:
                container.mux(stream.encode(None))
    return out.getvalue()


def test_a_clip_of_ours_is_taken_apart_with_its_sound():
    clip = safe_clip(film())
    assert (clip.width, clip.height, len(clip.pictures)) == (160, 120, 10)
    assert clip.times == pytest.approx([0.1 * n for n in range(10)])
    assert abs(clip.seconds - 1.0) < 0.1
    levels = [cv2.imdecode(np.frombuffer(data, np.uint8), 1).mean() for data in clip.pictures]
    assert levels == pytest.approx([20 * n for n in range(10)], abs=6)
    samples = np.frombuffer(clip.sound, "<i2")
    assert abs(len(samples) / 48_000 - 1.0) < 0.1
    assert np.sqrt(np.mean(samples[9600:38400].astype(float) ** 2)) == pytest.approx(6000 / 2**0.5, rel=0.2)
    assert [clip.place_at(at) for at in (-1, 0, 0.09, 0.11, 0.95, 99)] == [0, 0, 0, 1, 9, 9]


def test_one_without_sound_and_one_of_many_pictures_a_second():
    clip = safe_clip(film(fps=60, sound=""))
    assert clip.sound == b""
    assert 25 <= len(clip.pictures) <= 31


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(film(seconds=17, fps=2), id="too long"),
        pytest.param(film(codec="mpeg4"), id="another codec"),
        pytest.param(film(sound="aac"), id="another sound"),
        pytest.param(film(seconds=0.2, size=(2560, 1440)), id="too many pixels"),
        pytest.param(film()[:-2000], id="cut short"),
        pytest.param(film()[:200], id="cut shorter"),
        pytest.param(b"\0\0\0\x20ftypisom" + bytes(100_000), id="zeros"),
        pytest.param(b"\0\0\0\x20ftypisom" + np.random.default_rng(4).bytes(50_000), id="noise"),
    ],
)
def test_broken_ones_and_impostors_end_in_a_sentence(data):
    with pytest.raises(ClipBroken) as caught:
        safe_clip(data)
    assert str(caught.value) == "This clip is damaged and cannot be opened."


def test_what_is_no_clip_or_too_large_starts_no_child(monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("a child was started"))
    for data in (b"", b"#EXTM3U\nfile:///etc/passwd", b"\x1aE\xdf\xa3" + bytes(50), b"RIFF0000AVI "):
        with pytest.raises(NotAClip):
            safe_clip(data)
    with pytest.raises(ClipTooLarge):
        safe_clip(b"\0\0\0\x20ftypisom" + bytes(clips.MAX_CLIP_BYTES))


def test_a_child_that_takes_too_long_or_dies_is_a_broken_clip(monkeypatch):
    def slow(*given, **more):
        raise subprocess.TimeoutExpired("child", 1.0)

    data = film(seconds=0.3)
    monkeypatch.setattr(clips, "MAX_SAFE_BYTES", 1000)
    with pytest.raises(ClipBroken):
        safe_clip(data)
    monkeypatch.setattr(subprocess, "run", slow)
    with pytest.raises(ClipBroken):
        safe_clip(data)


def test_flipped_bytes_never_do_worse_than_a_sentence():
    data, random = film(seconds=0.4), np.random.default_rng(11)
    for _ in range(4):
        changed = bytearray(data)
        for place in random.integers(8, len(data), 30):
            changed[place] ^= int(random.integers(1, 255))
        with contextlib.suppress(ClipBroken):
            assert isinstance(safe_clip(bytes(changed)), SafeClip)


def test_a_long_clip_is_shown_piece_by_piece():
    data = film(seconds=40, fps=5)
    info = check_clip(data)
    assert (info.width, info.height, info.sound) == (160, 120, True)
    assert abs(info.seconds - 40.0) < 0.3
    with pytest.raises(ClipBroken):
        safe_clip(data)
    for start in (0.0, 13.1, 30.0):
        piece = safe_piece(data, start, 10.0)
        assert piece.times[0] == 0.0
        assert all(0.0 <= at < 10.0 for at in piece.times)
        assert len(piece.pictures) in (50, 51)
        assert abs(len(piece.sound) / 96_000 - 10.0) < 0.1
        levels = [cv2.imdecode(np.frombuffer(jpeg, np.uint8), 1).mean() for jpeg in piece.pictures]
        shown = [20 * int((start + at) * 5 + 1e-6) % 250 for at in piece.times]
        assert levels == pytest.approx(shown, abs=8)
    assert abs(safe_piece(data, 38.0).seconds - 2.0) < 0.3
    with pytest.raises(ClipBroken):
        safe_piece(data, 60.0)
    for start, length in ((-1.0, 5.0), (0.0, 16.0), (0.0, 0.0)):
        with pytest.raises(ValueError, match="no piece"):
            safe_piece(data, start, length)


def test_a_look_refuses_what_is_no_clip_of_ours():
    for data in (film(codec="mpeg4"), film()[:300], b"\0\0\0\x20ftypisom" + bytes(50_000)):
        with pytest.raises(ClipBroken):
            check_clip(data)


def voice(seconds=2.0, codec="libopus", kind="ogg"):
    out = io.BytesIO()
    with av.open(out, "w", format=kind) as container:
        heard = container.add_stream(codec, rate=48_000, layout="mono")
        for number in range(round(seconds * 50)):
            wave = (6000 * np.sin((number * 960 + np.arange(960)) * 0.06)).astype(np.int16)[None, :]
            tone = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
            tone.sample_rate, tone.pts = 48_000, number * 960
            container.mux(heard.encode(tone))
        container.mux(heard.encode(None))
    return out.getvalue()


def test_a_voice_message_is_heard_whole_and_others_end_in_a_sentence(monkeypatch):
    monkeypatch.setattr(clips, "MAX_LONG_S", 3)
    found = safe_voice(voice())
    assert abs(found.seconds - 2.0) < 0.1
    samples = np.frombuffer(found.sound, "<i2")
    assert np.sqrt(np.mean(samples[9600:-9600].astype(float) ** 2)) == pytest.approx(6000 / 2**0.5, rel=0.2)
    for data in (voice(codec="flac"), b"OggS" + bytes(5000), voice()[:40], voice(seconds=5)):
        with pytest.raises(ClipBroken):
            safe_voice(data)
    with pytest.raises(NotAClip):
        safe_voice(b"RIFF" + bytes(100))
    with pytest.raises(ClipTooLarge):
        safe_voice(b"OggS" + bytes(clips.MAX_VOICE_BYTES))
