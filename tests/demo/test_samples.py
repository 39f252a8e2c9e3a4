"""The sample media: made in a moment, moving, repeatable, and sound where sound is said to be."""

from __future__ import annotations

import itertools

import av
import cv2
import numpy as np
import pytest

from app.demo import samples
from app.demo.samples import SampleError, make_sample


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("samples")


def pictures(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return stream.average_rate, [frame.to_ndarray(format="gray") for frame in container.decode(stream)]


@pytest.mark.parametrize("side", ["home", "town"])
def test_the_video_is_as_said_and_every_frame_moves(folder, side):
    rate, frames = pictures(make_sample(side, folder).camera)
    assert rate == samples.RATE
    assert len(frames) == samples.SECONDS * samples.RATE
    assert {frame.shape for frame in frames} == {(480, 640)}
    steps = [np.abs(a.astype(int) - b).mean() for a, b in itertools.pairwise(frames)]
    assert min(steps) > 0.3
    # The loop has no seam: its last frame is as near to its first as neighbours are.
    assert np.abs(frames[-1].astype(int) - frames[0]).mean() < max(steps) * 1.2


def test_the_two_people_differ(folder):
    home, town = (pictures(make_sample(side, folder).camera)[1][0] for side in ("home", "town"))
    assert np.abs(home.astype(int) - town).mean() > 20


@pytest.mark.parametrize("side", ["home", "town"])
def test_speech_is_16_khz_mono_of_about_12_seconds_and_not_silence(folder, side):
    with av.open(str(make_sample(side, folder).microphone)) as container:
        stream = container.streams.audio[0]
        assert (stream.rate, stream.channels) == (16000, 1)
        sound = np.concatenate([frame.to_ndarray().ravel() for frame in container.decode(stream)])
    assert 11 < len(sound) / 16000 < 13
    assert np.sqrt((sound.astype(float) ** 2).mean()) > 500


def test_a_video_that_is_there_is_kept(folder):
    first = make_sample("home", folder).camera.stat().st_mtime_ns
    assert make_sample("home", folder).camera.stat().st_mtime_ns == first


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SampleError, match="could not be made"):
        make_sample("home", tmp_path / "file")


def test_a_missing_picture_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "_MEDIA", tmp_path)
    monkeypatch.setattr(cv2, "imread", lambda name: None)
    with pytest.raises(SampleError, match="is missing"):
        make_sample("home", tmp_path / "out")
    assert not (tmp_path / "out" / "home.mkv").exists()


def test_the_shipped_files_are_small_and_named_in_sources():
    sources = (samples._MEDIA / "SOURCES.md").read_text()
    shipped = [file for file in samples._MEDIA.iterdir() if file.suffix in {".jpg", ".flac"}]
    assert len(shipped) == 4
    for file in shipped:
        assert f"`{file.name}`" in sources
        assert file.stat().st_size < (100_000 if file.suffix == ".jpg" else 250_000)
