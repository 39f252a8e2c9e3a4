"""A clip's sound gives out each sample once and in order, and tells where it is, to its very end."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from app.media.clip import sound
from app.media.clip.sound import ClipSound, _Reel
from app.media.devices import DeviceSpec


def test_the_reel_gives_the_rest_of_the_recording_then_silence(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(sound.time, "monotonic", lambda: now[0])
    samples = np.arange(2400, dtype=np.int16)
    reel = _Reel(samples, 480, 3840)
    assert reel.heard_s(0.0) is None
    assert list(reel.pull(960, 100.0)) == list(range(480, 1440))
    now[0] = 100.005
    assert reel.heard_s(0.0) == pytest.approx(0.015)
    assert reel.pull(960, 100.02)[-1] == 2399
    assert not reel.pull(960, 100.04).any()
    for _ in range(10):
        reel.pull(960, 100.2)
    now[0] = 100.2
    assert reel.heard_s(0.04) == 3840 / 48_000, "the end is reached whatever the loudspeaker's delay"


def test_it_plays_without_a_loudspeaker_and_a_new_start_replaces_the_old():
    clip, before = ClipSound(), threading.active_count()
    assert clip.position() is None
    for at in (0.5, 0.9):
        clip.start(DeviceSpec("none"), bytes(96_000), 1.0, at)
        assert clip.position() >= at
    assert threading.active_count() == before + 1
    clip.stop()
    clip.stop()
    assert clip.position() is None
    assert threading.active_count() == before
