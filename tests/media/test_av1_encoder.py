"""SVT-AV1 by its own API: what we rely on of the real library, and that we leave nothing behind."""

from __future__ import annotations

import ctypes
import gc
import itertools
import os
import resource
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from moving_pictures import picture

from app.media.video import av1_rtp, svt, svt_threads
from app.media.video.av1 import FASTEST, SLOWEST, Av1Encoder
from app.media.video.av1_obu import read_obus
from app.media.video.encoder import Encoded
from app.media.video.frames import luma
from app.media.video.svt import Av1Error, Av1Missing, Av1Stalled, Event, Handle, Header, Planes, RateInfo

SEQUENCE_HEADER = 1  # AV1 specification section 6.2.2
SIZE = (320, 240)
BITRATE, FPS = 60_000, 15.0


@contextmanager
def opened(bitrate: int = BITRATE, fps: float = FPS, size: tuple[int, int] = SIZE) -> Iterator[Av1Encoder]:
    encoder = Av1Encoder(*size, fps, bitrate, FASTEST)
    try:
        yield encoder
    finally:
        encoder.close()


def encoded(encoder: Av1Encoder, numbers: range, keys: tuple[int, ...] = ()) -> list[Encoded]:
    return [encoder.encode(picture(n % 64), key=n in keys) for n in numbers]


def coloured(number: int, width: int, height: int) -> av.VideoFrame:
    """Cb 90, Cr 170 all over."""
    planes = picture(number, width, height).to_ndarray().reshape(-1)
    planes[width * height : width * height * 5 // 4], planes[width * height * 5 // 4 :] = 90, 170
    return av.VideoFrame.from_ndarray(planes.reshape(-1, width), format="yuv420p")


def inverted(number: int) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(np.invert(picture(number).to_ndarray()), format="yuv420p")


def mean(made: list[Encoded]) -> float:
    return sum(len(one.data) for one in made) / len(made)


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


# The layouts


def test_the_layouts_are_those_of_its_headers_on_64_bits() -> None:
    assert [ctypes.sizeof(kind) for kind in (Header, Planes, RateInfo, Event)] == [144, 40, 8, 32]
    places = {name: getattr(Header, name).offset for name in ("filled", "events", "pts", "picture_type", "flags")}
    assert places == {"filled": 16, "events": 24, "pts": 56, "picture_type": 76, "flags": 104}
    assert ctypes.sizeof(Header) == svt._BYTES_OF_HEADER


def test_a_library_of_another_layout_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with opened() as encoder:
        assert encoder.encode(picture(0), key=False).data, "the real one tells its header's size, and it is ours"
        monkeypatch.setattr(svt, "_BYTES_OF_HEADER", 152)
        with pytest.raises(Av1Error, match="another layout"):
            encoder.encode(picture(1), key=False)
        monkeypatch.undo()
        assert encoder.encode(picture(2), key=False).data, "the packet was given back all the same"


@pytest.mark.parametrize(
    ("told_by_threads", "stalled_s"),
    [
        pytest.param(
            True, 600.0, marks=pytest.mark.skipif(not svt_threads.tasks(), reason="nothing known of threads")
        ),
        (False, 0.2),
    ],
)
def test_an_encoder_that_stands_still_is_left_and_holds_up_nobody(
    told_by_threads: bool, stalled_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SVT-AV1's threads can wait for one another for good: here its answer is held back."""
    goes_on = threading.Event()
    with opened() as encoder:
        handle = encoder._handle
        real = handle._lib

        class Still:
            def __getattr__(self, name: str) -> Any:
                if name == "svt_av1_enc_get_packet":
                    goes_on.wait(60)
                return getattr(real, name)

        assert encoder.encode(picture(0), key=False).data
        monkeypatch.setattr(svt, "STALLED_S", stalled_s)
        monkeypatch.setattr(handle, "_lib", Still())
        if not told_by_threads:
            monkeypatch.setattr(handle, "_threads", ())
        with pytest.raises(Av1Stalled):
            encoder.encode(picture(1), key=False)
        assert encoder.encode(picture(2), key=False).data == b"", "nothing more is asked of it"
        encoder.close()  # does not wait either
        monkeypatch.undo()
        goes_on.set()
        late = handle._made.get(timeout=20)
        assert isinstance(late, tuple), "here it did answer in the end: its memory can be given back"
        handle._is_open = True


def test_without_the_library_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "libSvtAv1Enc.so"
    broken.write_bytes(b"no library")
    other = next(iter(sorted((Path(av.__file__).parent.parent / "av.libs").glob("libopus*"))))
    svt.library.cache_clear()
    try:
        monkeypatch.setattr(svt, "_candidates", lambda: iter([broken, other]))
        with pytest.raises(Av1Missing, match="not on this machine"):
            Av1Encoder(*SIZE, FPS, BITRATE, FASTEST)
    finally:
        svt.library.cache_clear()


# Pictures


def test_each_picture_gives_its_packet_at_once_and_a_key_picture_comes_on_request_alone() -> None:
    with opened() as encoder:
        made = encoded(encoder, range(60), keys=(20, 41))
    assert all(one.data for one in made)
    assert [n for n, one in enumerate(made) if one.key] == [0, 20, 41]
    for one in made:
        assert av1_rtp.is_key_frame(one.data) == one.key
        assert any(o.type == SEQUENCE_HEADER for o in read_obus(one.data)) == one.key
        assert av1_rtp.is_usable_key_frame(one.data) == one.key
    usual = mean([one for one in made[5:] if not one.key])
    assert all(len(made[n].data) <= 4 * usual for n in (20, 41))
    # No picture in between takes a multiple of its share either: the link has no room for one.
    assert max(len(one.data) for one in made[5:] if not one.key) <= 2.5 * usual


def test_another_scene_takes_no_multiple_of_its_share() -> None:
    """Each tenth picture begins another one: without asking for less it takes 4 times the mean."""
    with opened(30_000, 13.0) as encoder:
        made = [encoder.encode(picture(n) if n // 10 % 2 else inverted(n), key=n == 0) for n in range(60)]
    assert [n for n, one in enumerate(made) if one.key] == [0]
    assert max(len(one.data) for one in made[1:]) <= 3 * mean(made[1:])


def test_a_still_takes_its_whole_share_though_each_is_another_scene() -> None:
    with opened(6_000, 0.3) as encoder:
        made = [encoder.encode(picture(n) if n % 2 else inverted(n), key=n == 0) for n in range(20)]
    assert mean(made[5:]) == pytest.approx(6_000 / 8 / 0.3, rel=0.2)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_another_rate_holds_within_15_pictures_and_costs_no_key_picture(factor: float) -> None:
    with opened() as encoder:
        before = encoded(encoder, range(45))
        assert encoder.pace(FPS, round(BITRATE * factor)) == FPS
        after = encoded(encoder, range(45, 90))
    assert [n for n, one in enumerate(before + after) if one.key] == [0]
    assert mean(before[15:]) == pytest.approx(BITRATE / 8 / FPS, rel=0.25)
    assert mean(after[15:]) == pytest.approx(factor * BITRATE / 8 / FPS, rel=0.25)


def test_fewer_pictures_a_second_are_larger_ones() -> None:
    with opened() as encoder:
        encoded(encoder, range(30))
        assert encoder.pace(FPS / 2, BITRATE) == FPS / 2
        after = encoded(encoder, range(30, 75))
    assert not any(one.key for one in after)
    assert mean(after[15:]) == pytest.approx(BITRATE / 8 / (FPS / 2), rel=0.25)


def shown(made: list[Encoded]) -> list[av.VideoFrame]:
    decoder = av.CodecContext.create("libdav1d", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.thread_count = 1
    pictures = list(itertools.chain.from_iterable(decoder.decode(av.Packet(one.data)) for one in made))
    decoder.decode(None)  # dropped with pictures inside it hung the process
    return pictures


@pytest.mark.parametrize(
    ("source", "size"),
    [
        ((640, 480), (320, 240)),
        ((320, 240), (320, 240)),
        ((1280, 720), (480, 270)),  # a wide camera in a middle box: a height that 4 does not divide
        ((150, 200), (66, 70)),
    ],
)
def test_what_it_makes_is_decoded_whole_in_its_size_and_colours(
    source: tuple[int, int], size: tuple[int, int]
) -> None:
    numbers = range(8)
    with opened(200_000, size=size) as encoder:
        made = [encoder.encode(coloured(n, *source), key=n == 5) for n in numbers]
    frames = shown(made)
    assert len(frames) == len(made)
    for n, frame in zip(numbers, frames, strict=True):
        assert (frame.width, frame.height, frame.format.name) == (*size, "yuv420p")
        wanted = coloured(n, *source).reformat(*size)
        assert np.mean((luma(frame).astype(float) - luma(wanted)) ** 2) < 250, n
        for plane, value in ((1, 90), (2, 170)):
            rows = np.frombuffer(memoryview(frame.planes[plane]), np.uint8).reshape(-1, frame.planes[plane].line_size)
            assert abs(rows[: size[1] // 2, : size[0] // 2].astype(float) - value).max() <= 6, "no colour shift"
        assert frame.color_range == 1, "limited, as cameras give"
        assert frame.colorspace in (5, 6), "BT.601"


def test_stills_are_pictures_far_apart() -> None:
    with opened(1_700, 0.12) as encoder:
        made = encoded(encoder, range(12))
    assert [one.key for one in made] == [True] + [False] * 11
    assert mean(made[2:]) <= 1.5 * 1_700 / 8 / 0.12


def test_presets_of_real_time_mode_all_work() -> None:
    for preset in range(SLOWEST, FASTEST + 1):
        encoder = Av1Encoder(160, 120, FPS, BITRATE, preset)
        assert encoder.encode(picture(0), key=False).key
        encoder.close()


# Misuse


def test_wrong_arguments_are_refused(capfd: pytest.CaptureFixture[str]) -> None:
    for preset in (SLOWEST - 1, FASTEST + 1):
        with pytest.raises(ValueError, match="preset"):
            Av1Encoder(*SIZE, FPS, BITRATE, preset)
    for fps, bitrate in ((0.0, BITRATE), (FPS, 0), (-1.0, BITRATE), (FPS, -5)):
        with pytest.raises(ValueError, match="above zero"):
            Av1Encoder(*SIZE, fps, bitrate, FASTEST)
    for size in ((0, 240), (320, 0), (-4, 240), (321, 240), (320, 241), (62, 64), (1 << 20, 240)):
        with pytest.raises(Av1Error, match="no pictures of"):
            Av1Encoder(*size, FPS, BITRATE, FASTEST)
    for settings in ({"no-such-setting": 1}, {"width": 2, "height": 240}, {"width": 320, "height": 240, "rc": 77}):
        with pytest.raises(Av1Error, match="refused"):
            Handle(settings)
    with opened() as encoder, pytest.raises(ValueError, match="above zero"):
        encoder.pace(0, BITRATE)
    capfd.readouterr()  # it says on stderr what it refuses


def test_rates_beyond_all_sense_are_kept_in_bounds() -> None:
    with opened(1, 30.0) as slow, opened(2_000_000_000, 1.0) as quick:
        assert slow.encode(picture(0), key=False).data
        assert quick.encode(picture(0), key=False).data
        quick.pace(0.001, 2_000_000_000)
        assert quick.encode(picture(1), key=False).data


# The end


def test_closing_twice_is_closing_once_and_nothing_comes_after_it() -> None:
    encoder = Av1Encoder(*SIZE, FPS, BITRATE, FASTEST)
    encoder.encode(picture(0), key=False)
    encoder.close()
    encoder.close()
    assert encoder.encode(picture(1), key=True) == Encoded(b"", False)
    unused = Av1Encoder(*SIZE, FPS, BITRATE, FASTEST)
    unused.close()


def test_closing_while_another_thread_encodes() -> None:
    for _ in range(3):
        encoder = Av1Encoder(*SIZE, FPS, BITRATE, FASTEST)
        busy = threading.Event()

        def work(encoder: Av1Encoder = encoder, busy: threading.Event = busy) -> int:
            for n in itertools.count():
                if not encoder.encode(picture(n % 64), key=n % 7 == 0).data:
                    return n
                if n == 2:
                    busy.set()
            raise AssertionError("counting ends never")

        with ThreadPoolExecutor(1) as pool:
            encoding = pool.submit(work)
            assert busy.wait(30)
            encoder.close()
            assert encoding.result(30) >= 2


def test_thirty_encoders_leave_no_memory_and_no_thread_behind() -> None:
    def one(n: int) -> None:
        encoder = Av1Encoder(*SIZE, FPS, BITRATE, FASTEST)
        encoded(encoder, range(3))
        if n % 2:
            encoder.close()  # the others are closed as they are dropped

    for n in range(6):
        one(n)
    gc.collect()
    before, threads = resident_mb(), len(list(Path("/proc/self/task").iterdir()))
    for n in range(30):
        one(n)
    gc.collect()
    assert resident_mb() - before < 20
    assert len(list(Path("/proc/self/task").iterdir())) <= threads


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may run in real time")
def test_no_thread_of_the_encoder_runs_in_real_time() -> None:
    """For root SVT-AV1 asks for SCHED_FIFO at 99, for the caller too: an encoder would stand before speech."""
    before = os.sched_getscheduler(0)
    encoder = Av1Encoder(320, 240, 15, 50_000, 8)
    policies = {os.sched_getscheduler(int(task.name)) for task in Path("/proc/self/task").iterdir()}
    encoder.close()
    assert os.SCHED_FIFO not in policies
    assert os.sched_getscheduler(0) == before
