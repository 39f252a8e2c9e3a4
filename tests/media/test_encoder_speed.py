"""How fast this machine encodes: measured once, remembered while it holds, and never in anybody's way."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path

import pytest

from app.media.video import speed
from app.media.video.av1 import FASTEST, SLOWEST, Av1Encoder
from app.media.video.speed import SHARE, Speeds, SpeedTest, machine_name, measure, measured, memory_path, remembered
from app.media.video.svt import Av1Error, Av1Missing

TABLE = Speeds(((7, 0.060), (8, 0.040), (9, 0.030), (10, 0.020), (12, 0.012)))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Each measuring is counted, and gives TABLE."""
    calls: list[int] = []

    def pretend() -> Speeds:
        calls.append(1)
        return TABLE

    monkeypatch.setattr(speed, "measure", pretend)
    return calls


def test_measuring_gives_a_cost_for_every_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "_PICTURES", 7)
    found = measure()
    presets = [preset for preset, _ in found.s_per_mpixel]
    assert presets == [SLOWEST, 8, 9, 10, FASTEST]
    assert all(0 < cost < 5 for _, cost in found.s_per_mpixel)
    assert found.s_per_mpixel[0][1] > found.s_per_mpixel[-1][1], "the slowest preset costs more than the quickest"


def test_a_preset_that_the_library_does_not_have_is_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def open_some(width: int, height: int, fps: float, bitrate: int, preset: int) -> Av1Encoder:
        if preset < 12:
            raise Av1Error("SVT-AV1 refused preset (0x1)")
        return Av1Encoder(width, height, fps, bitrate, preset)

    monkeypatch.setattr(speed, "_PICTURES", 5)
    monkeypatch.setattr(speed, "Av1Encoder", open_some)
    with caplog.at_level(logging.INFO):
        assert [preset for preset, _ in measure().s_per_mpixel] == [12]
    assert caplog.text.count("is not there") == 4


@pytest.mark.parametrize(
    ("pixels", "fps", "preset"),
    [
        (160 * 120, 20, 7),
        (320 * 240, 20, 7),  # 0.09 of a core
        (480 * 360, 20, 7),  # 0.21
        (640 * 480, 20, 8),  # 0.37 at 7, 0.246 at 8
        (640 * 480, 25, 9),
        (960 * 720, 20, 12),
        (1280 * 720, 30, 12),  # beyond the share: the quickest there is
    ],
)
def test_the_slowest_preset_within_a_quarter_of_a_core_is_chosen(pixels: int, fps: float, preset: int) -> None:
    assert SHARE == 0.25
    assert TABLE.preset(pixels, fps) == preset


def test_a_machine_that_was_not_measured_gets_a_quick_preset() -> None:
    assert Speeds().preset(640 * 480, 20) == 10
    assert Speeds().can_av1


def test_a_machine_too_slow_for_small_pictures_of_talk_goes_without_av1() -> None:
    least = SHARE / (320 * 240 / 1e6 * 15)
    assert Speeds(((7, 9.0), (12, 0.99 * least))).can_av1
    assert not Speeds(((7, 9.0), (12, 1.01 * least))).can_av1
    assert not Speeds(((12, float("inf")),)).can_av1


def test_what_was_measured_is_remembered(told: list[int], tmp_path: Path) -> None:
    path = tmp_path / "cache" / "thinline" / "speed.json"
    assert remembered(path) is None
    assert measured(path) == TABLE
    assert measured(path) == TABLE
    assert len(told) == 1, "measured once"
    assert remembered(path) == TABLE
    assert json.loads(path.read_text("utf-8"))["machine"] == machine_name()


SPOILED = [
    b"",
    b"{",
    b"\xff\xfe\x00",
    b"null",
    b"[]",
    b"7",
    b'{"version": 1}',
    b'{"version": 1, "machine": "?", "s_per_mpixel": 5}',
    b'{"version": 1, "machine": "?", "s_per_mpixel": [[7]]}',
    b'{"version": 1, "machine": "?", "s_per_mpixel": [["x", 1.0]]}',
    b'{"version": 1, "machine": "?", "s_per_mpixel": [[7, null]]}',
    b'{"version": 99, "machine": "?", "s_per_mpixel": [[7, 0.1]]}',
]


@pytest.mark.parametrize("content", SPOILED)
def test_a_spoiled_file_is_measured_over(told: list[int], tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "speed.json"
    path.write_bytes(content.replace(b'"?"', json.dumps(machine_name()).encode()))
    assert remembered(path) is None
    assert measured(path) == TABLE
    assert remembered(path) == TABLE


def test_another_machine_measures_for_itself(told: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "speed.json"
    measured(path)
    monkeypatch.setattr(speed.av, "__version__", "99.0")
    assert remembered(path) is None
    measured(path)
    assert len(told) == 2


def test_a_folder_that_cannot_be_written_costs_the_memory_alone(
    told: list[int], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_bytes(b"no folder")
    with caplog.at_level(logging.INFO):
        assert measured(tmp_path / "file" / "speed.json") == TABLE
        (tmp_path / "speed.json").mkdir()
        assert measured(tmp_path / "speed.json") == TABLE
    assert len(told) == 2
    assert caplog.text.count("cannot be remembered") == 2


def test_without_the_library_pictures_go_as_vp8_and_that_is_not_remembered(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def missing() -> Speeds:
        raise Av1Missing("AV1 pictures need the SVT-AV1 library, which is not on this machine.")

    monkeypatch.setattr(speed, "measure", missing)
    path = tmp_path / "speed.json"
    found = measured(path)
    assert not found.can_av1
    assert found.preset(320 * 240, 15) == FASTEST
    assert "Pictures go as VP8" in caplog.text
    assert not path.exists()


def test_it_is_measured_beside_the_start_and_known_at_once_the_next_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    go = threading.Event()

    def slow() -> Speeds:
        assert go.wait(30)
        return TABLE

    monkeypatch.setattr(speed, "measure", slow)
    path = tmp_path / "speed.json"
    test = SpeedTest(path)
    assert test.speeds == Speeds(), "nothing waits for it"
    thread = next(t for t in threading.enumerate() if t.name == "encoder-speed")
    assert thread.daemon
    go.set()
    thread.join(30)
    assert test.speeds == TABLE
    assert SpeedTest(path).speeds == TABLE
    assert not any(t.name == "encoder-speed" for t in threading.enumerate())


def test_it_is_kept_in_the_users_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert memory_path() == tmp_path / "thinline" / "encoder-speed.json"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert memory_path() == tmp_path / "local" / "thinline" / "encoder-speed.json"
    monkeypatch.delenv("LOCALAPPDATA")
    assert memory_path() == Path.home() / ".cache" / "thinline" / "encoder-speed.json"
