"""The right way up and in the right shape: cameras and films of every aspect, turned by themselves or by a person."""

from __future__ import annotations

import asyncio
import fractions
import struct
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from device_kit import Told
from numpy.typing import NDArray
from session_pair import QUICK

from app.media.devices import DeviceSpec, Sinks, Sources
from app.media.equipment import Equipment
from app.media.rate.ladder import LADDERS, Pictures
from app.media.slot import FrameSlot
from app.media.video.camera import Camera
from app.media.video.capture import FileReader
from app.media.video.codecs import VideoCodec
from app.media.video.encoding import open_encoder
from app.media.video.frames import Reshaper, fit, luma, to_rgb, turn
from app.media.video.speed import Speeds

HOPPER = Path(__file__).parents[2] / "app" / "demo" / "media" / "hopper.jpg"
CORNERS = {"red": (230, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 230), "white": (250, 250, 250)}
SOURCES = [(640, 480), (1280, 720), (480, 640), (720, 1280), (480, 480), (640, 362)]
BOXES = sorted({(s.width, s.height) for shapes in LADDERS.values() for s in shapes if s.width})
FASTEST = Speeds(((12, 0.01),))


def quarters(width: int, height: int) -> NDArray[np.uint8]:
    """Red and green above, blue and white below."""
    picture = np.zeros((height, width, 3), np.uint8)
    for n, colour in enumerate(CORNERS.values()):
        rows = slice(0, height // 2) if n < 2 else slice(height // 2, height)
        columns = slice(0, width // 2) if n % 2 == 0 else slice(width // 2, width)
        picture[rows, columns] = colour
    return picture


def corners(rgb: NDArray[np.uint8]) -> list[str]:
    """Their colours, row by row."""
    height, width, _ = rgb.shape
    found = []
    for y, x in ((1, 1), (1, 3), (3, 1), (3, 3)):
        seen = rgb[height * y // 4, width * x // 4].astype(int)
        found.append(min(CORNERS, key=lambda name: int(np.abs(seen - CORNERS[name]).sum())))
    return found


def frame_of(pixels: str, width: int = 64, height: int = 48) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(quarters(width, height), format="rgb24").reformat(format=pixels)


TURNED = {
    0: ["red", "green", "blue", "white"],
    90: ["blue", "red", "white", "green"],
    180: ["white", "blue", "green", "red"],
    270: ["green", "white", "red", "blue"],
}
"""What stands where after a turn clockwise."""


@pytest.mark.parametrize("degrees", TURNED)
@pytest.mark.parametrize("pixels", ["yuv420p", "yuvj420p", "bgr24", "rgb24", "yuv422p", "nv12"])
def test_a_turn_is_clockwise_in_every_format_and_keeps_the_colours(pixels: str, degrees: int) -> None:
    frame = frame_of(pixels)
    turned = turn(frame, degrees, Reshaper())
    assert (turned.width, turned.height) == ((64, 48) if degrees % 180 == 0 else (48, 64))
    rgb = to_rgb(turned, Reshaper())
    assert corners(rgb) == TURNED[degrees]
    assert np.abs(rgb[4, 4].astype(int) - CORNERS[TURNED[degrees][0]]).max() <= 4
    assert (turned is frame) == (degrees == 0)


@pytest.mark.parametrize("degrees", [1, 45, -90, 360])
def test_other_angles_are_refused(degrees: int) -> None:
    with pytest.raises(ValueError, match="turned by one of"):
        turn(frame_of("yuv420p"), degrees, Reshaper())


def test_odd_sides_lose_a_line_rather_than_the_picture() -> None:
    grey = av.VideoFrame.from_ndarray(np.full((35, 51), 90, np.uint8), format="gray")
    turned = turn(grey, 90, Reshaper())
    assert (turned.width, turned.height) == (34, 50)


@pytest.mark.parametrize("codec", list(VideoCodec))
@pytest.mark.parametrize("source", SOURCES)
def test_no_rung_stretches_a_picture(codec: VideoCodec, source: tuple[int, int]) -> None:
    """Every box of every ladder: what comes out of the decoder has the source's shape and everything in its place."""
    frame = frame_of("yuv420p", *source)
    for box in BOXES:
        encoder = open_encoder(codec, Pictures(*box, 15, 300_000, 300_000), source, FASTEST)
        data = encoder.encode(frame, key=True).data
        encoder.close()
        decoder = av.CodecContext.create("libdav1d" if codec is VideoCodec.AV1 else "vp8", "r")
        assert isinstance(decoder, av.VideoCodecContext)
        decoder.thread_count = 1
        (shown,) = decoder.decode(av.Packet(data))
        decoder.decode(None)
        assert (shown.width, shown.height) == (encoder.width, encoder.height)
        assert shown.width <= max(box)
        assert shown.height <= max(box)
        assert shown.width / shown.height == pytest.approx(source[0] / source[1], rel=0.015)
        assert corners(to_rgb(shown, Reshaper())) == TURNED[0]


def test_an_upright_picture_has_as_many_pixels_as_one_across() -> None:
    assert fit(480, 640, 320, 240) == (240, 320)
    assert fit(640, 480, 320, 240) == (320, 240)
    assert fit(720, 1280, 480, 360) == (270, 480)
    assert fit(1280, 720, 480, 360) == (480, 270)
    assert fit(100, 80, 640, 480) == (100, 80), "never larger than it is"


def write_film(path: Path, *, matrix: tuple[int, int, int, int] = (1, 0, 0, 1), pixel: str = "1:1") -> Path:
    """An MP4 whose track header (ISO/IEC 14496-12 section 8.3.2) has the display matrix (a, b, c, d)."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 64, 48, "yuv420p", 1_000_000
        stream.codec_context.sample_aspect_ratio = fractions.Fraction(*map(int, pixel.split(":")))
        for _ in range(3):
            container.mux(stream.encode(frame_of("yuv420p")))
        container.mux(stream.encode())
    data = bytearray(path.read_bytes())
    one = 1 << 16
    plain = struct.pack(">9i", one, 0, 0, 0, one, 0, 0, 0, 1 << 30)
    at = data.index(plain, data.index(b"tkhd"))
    a, b, c, d = (one * part for part in matrix)
    data[at : at + len(plain)] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("degrees", "matrix"), [(0, (1, 0, 0, 1)), (90, (0, 1, -1, 0)), (180, (-1, 0, 0, -1)), (270, (0, -1, 1, 0))]
)
def test_a_film_is_shown_the_way_up_that_it_says(
    tmp_path: Path, degrees: int, matrix: tuple[int, int, int, int]
) -> None:
    reader = FileReader(str(write_film(tmp_path / "phone.mp4", matrix=matrix)))
    frame = reader.read(lambda _: False)
    reader.close()
    assert frame is not None
    assert corners(to_rgb(frame, Reshaper())) == TURNED[degrees]


def test_pixels_that_are_not_square_are_made_so(tmp_path: Path) -> None:
    reader = FileReader(str(write_film(tmp_path / "wide.mp4", pixel="4:3")))
    frame = reader.read(lambda _: False)
    reader.close()
    assert frame is not None
    assert (frame.width, frame.height) == (86, 48)
    assert corners(to_rgb(frame, Reshaper())) == TURNED[0]


def test_a_turned_camera_gives_turned_pictures_everywhere_and_turns_while_it_runs() -> None:
    told, slot = Told(), FrameSlot()
    camera = Camera("synthetic", "12mp", report=told.report, tap=told.take, view=slot, turn=90)
    camera.start()
    told.until(lambda: len(told.items) >= 2)
    best, still, seen = camera.best_still(), camera.still(), slot.latest()
    camera.turn = 180
    told.until(lambda: told.items[-1][0].frame.width == 640)
    camera.stop()
    assert (told.items[0][0].frame.width, told.items[0][0].frame.height) == (480, 640)
    assert best is not None
    assert best.shape == (4032, 3024, 3)
    assert still is not None
    assert still.shape == (640, 480, 3)
    assert seen is not None
    assert seen.rgb.shape == (640, 480, 3), "one's own view, not mirrored yet: that is the screen's"
    assert told.states == [("ready", "synthetic")]


class _Silent:
    def pull(self, count: int, now: float) -> NDArray[np.int16]:
        return np.zeros(count, np.int16)


def test_turning_a_camera_that_runs_does_not_open_it_anew() -> None:
    async def run() -> None:
        news = asyncio.Event()
        sinks = Sinks(DeviceSpec("none"))
        equipment = Equipment(sinks, _Silent(), QUICK, lambda *_: None, lambda _: news.set())
        equipment.open(Sources(DeviceSpec("synthetic"), DeviceSpec("none")))
        async with asyncio.timeout(10):
            while equipment.newest() is None:
                await news.wait()
                news.clear()
            camera = equipment._camera
            await equipment.use_camera(DeviceSpec("synthetic", turn=270))
            assert equipment._camera is camera
            assert camera is not None
            assert camera.turn == 270
            await equipment.use_camera(DeviceSpec("synthetic", "12mp", turn=270))
            assert equipment._camera is not camera
            assert equipment._camera is not None
            assert equipment._camera.turn == 270
            await equipment.close()

    asyncio.run(run())


def off(whole: av.VideoFrame, small: av.VideoFrame) -> float:
    """The mean square of what is lost of the Y plane on the way to `small` and back."""
    back = small.reformat(whole.width, whole.height, "yuv420p", interpolation="BICUBIC")
    return float(np.square(luma(whole).astype(float) - luma(back)).mean())


@pytest.mark.parametrize("box", [(320, 240), (480, 360)])
def test_a_picture_made_smaller_to_be_encoded_stays_sharper_than_bilinear(box: tuple[int, int]) -> None:
    portrait = cv2.imread(str(HOPPER))
    assert portrait is not None
    whole = av.VideoFrame.from_ndarray(portrait.astype(np.uint8), format="bgr24").reformat(
        640, 480, "yuv420p", interpolation="LANCZOS"
    )
    bilinear = whole.reformat(*box, "yuv420p", interpolation="BILINEAR")
    assert off(whole, Reshaper().reshape(whole, *box, "yuv420p")) < 0.9 * off(whole, bilinear)
