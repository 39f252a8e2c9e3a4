"""The best still: the camera's largest mode, the sharpest of several, and always a live picture afterwards."""

from __future__ import annotations

import threading

import av
import cv2
import numpy as np
import pytest

from app.media.devices import DeviceSpec
from app.media.video import still_checks
from app.media.video.camera import Camera
from app.media.video.capture import CameraMissing, FileReader, SyntheticReader, open_reader
from app.media.video.still_mode import shoot

RNG = np.random.default_rng(7)


def scene(width: int, height: int) -> np.ndarray:
    noise = RNG.integers(0, 255, (max(1, height // 8), max(1, width // 8), 3), np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_NEAREST)


class ScriptedCapture:
    """Stands where cv2.VideoCapture stands: modes it knows, exposure that starts anew, one sharp picture in five."""

    def __init__(self, modes, *, sticks=False, breaks_at=None):
        self.modes, self.sticks, self.breaks_at = modes, sticks, breaks_at
        self.asked = {cv2.CAP_PROP_FOURCC: 1.0, cv2.CAP_PROP_FPS: 30.0}
        self.size = modes[0]
        self.wanted = list(self.size)
        self.since = 0
        self.widths = []

    def set(self, prop, value):
        places = {cv2.CAP_PROP_FRAME_WIDTH: 0, cv2.CAP_PROP_FRAME_HEIGHT: 1}
        if prop not in places:
            self.asked[prop] = value
            return True
        self.wanted[places[prop]] = int(value)
        best = min(self.modes, key=lambda mode: abs(mode[0] - self.wanted[0]) + abs(mode[1] - self.wanted[1]))
        if best != self.size and not (self.sticks and best == self.modes[0]):
            self.size, self.since = best, 0
        return True

    def get(self, prop):
        if prop == cv2.CAP_PROP_FRAME_WIDTH:
            return float(self.size[0])
        return float(self.size[1]) if prop == cv2.CAP_PROP_FRAME_HEIGHT else self.asked[prop]

    def read(self):
        if self.breaks_at == self.size:
            return False, None
        self.since += 1
        self.widths.append(self.size[0])
        picture = scene(*self.size)
        if self.size != self.modes[0] and self.since < 4:
            picture = picture // (5 - self.since)  # the exposure comes up
        return True, picture if self.since % 5 == 0 else cv2.GaussianBlur(picture, (0, 0), 6)


def test_the_largest_mode_is_taken_and_the_live_one_comes_back():
    capture = ScriptedCapture([(640, 480), (1920, 1080), (1600, 1200)])
    picture, back = shoot(capture, lambda seconds: False)
    assert back
    assert picture.shape == (1080, 1920, 3)
    assert capture.size == (640, 480)
    assert capture.asked[cv2.CAP_PROP_FOURCC] == 1.0
    assert still_checks.sharpness(still_checks.luma_of(picture)) > 500, "the sharp one of those it took"
    assert picture.mean() > 90, "not before the light had settled"


def test_a_camera_with_one_mode_gives_no_still_and_goes_on():
    capture = ScriptedCapture([(640, 480)])
    assert shoot(capture, lambda seconds: False) == (None, True)


def test_a_camera_that_stays_in_its_still_mode_is_told_so():
    picture, back = shoot(ScriptedCapture([(640, 480), (1920, 1080)], sticks=True), lambda seconds: False)
    assert picture is not None
    assert not back


def test_a_mode_that_gives_no_pictures_is_no_loss():
    capture = ScriptedCapture([(640, 480), (1920, 1080)], breaks_at=(1920, 1080))
    assert shoot(capture, lambda seconds: False) == (None, True)


def test_the_synthetic_camera_of_12_megapixels_shows_lines_that_no_live_picture_can():
    reader = SyntheticReader("12mp")
    live, still = reader.read(lambda seconds: False), reader.shoot(lambda seconds: False)
    assert (live.width, live.height) == (640, 480)
    assert (still.width, still.height) == (4032, 3024)
    row = still.to_ndarray(format="gray")[40].astype(int)
    assert np.abs(np.diff(row)).min() > 80
    with pytest.raises(CameraMissing):
        open_reader("synthetic", "no such model")


@pytest.mark.parametrize(("which", "size"), [("12mp", (3024, 4032, 3)), ("", (240, 320, 3))])
def test_the_camera_takes_its_best_still_while_it_runs_and_goes_on(which, size):
    seen, told, after = threading.Event(), [], threading.Event()
    sizes = []

    def tap(captured):
        sizes.append(captured.frame.width)
        (after if len(told) else seen).set()

    camera = Camera("synthetic", which, report=lambda state, name: None, tap=tap)
    camera.start()
    try:
        assert seen.wait(5)
        assert camera.best_still().shape == size
        told.append("taken")
        assert after.wait(5), "live pictures go on"
        assert set(sizes) == {640 if which else 320}
    finally:
        camera.stop()
    assert camera.best_still() is None


def test_a_fault_while_shooting_falls_back_to_the_live_picture(monkeypatch):
    def broken(self, wait):
        raise CameraMissing("pulled out")

    monkeypatch.setattr(SyntheticReader, "shoot", broken)
    seen, states = threading.Event(), []
    camera = Camera("synthetic", "12mp", report=lambda state, name: states.append(state), tap=lambda f: seen.set())
    camera.start()
    try:
        assert seen.wait(5)
        live = camera.best_still()
        assert live is None or live.shape == (480, 640, 3)
    finally:
        camera.stop()
    assert "missing" in states


def test_hints_are_words_about_light_and_sharpness():
    sharp = scene(640, 480)
    assert still_checks.hint(sharp) == ""
    assert still_checks.hint(sharp // 8) == still_checks.DARK
    assert still_checks.hint(230 + sharp // 12) == still_checks.BRIGHT
    assert still_checks.hint(cv2.GaussianBlur(sharp, (0, 0), 25)) == still_checks.BLURRED
    half_burnt = sharp.copy()
    half_burnt[:200] = 255
    assert still_checks.hint(half_burnt) == still_checks.BRIGHT


def test_a_large_picture_is_judged_as_a_small_one_is():
    def large(small):
        return cv2.resize(small, (4032, 3024), interpolation=cv2.INTER_LINEAR)

    assert still_checks.hint(large(scene(640, 480))) == ""
    # Blurred before it is made large: twelve megapixels would be blurred for a quarter of a minute.
    assert still_checks.hint(large(cv2.GaussianBlur(scene(640, 480), (0, 0), 19))) == still_checks.BLURRED


def test_the_command_line_names_a_model():
    assert DeviceSpec.parse("synthetic:12mp") == DeviceSpec("synthetic", "12mp")


def test_a_photograph_beside_a_film_is_its_cameras_still_mode(tmp_path):
    film, photo = tmp_path / "home.mkv", tmp_path / "home.still.jpg"
    with av.open(str(film), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(scene(64, 48), format="rgb24")))
        container.mux(stream.encode(None))
    reader = FileReader(str(film))
    assert reader.shoot(lambda seconds: False) is None, "there is none"
    cv2.imwrite(str(photo), scene(4032, 3024))
    still, live = reader.shoot(lambda seconds: False), reader.read(lambda seconds: False)
    assert (still.width, still.height) == (4032, 3024)
    assert (live.width, live.height) == (64, 48)
    assert reader.shoot(lambda seconds: True) is None, "the camera is being stopped"
    photo.write_bytes(b"no photograph")
    assert reader.shoot(lambda seconds: False) is None
    reader.close()
