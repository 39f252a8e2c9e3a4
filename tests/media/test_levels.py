"""Level meters: decibels below full scale, quick to rise, slow to fall, silent when nothing comes."""

from __future__ import annotations

import numpy as np
import pytest

from app.media.levels import SILENT_DBFS, Levels


def test_a_tone_is_as_loud_as_it_is_and_falls_silent_by_itself() -> None:
    now = [10.0]
    levels = Levels(lambda: now[0])
    assert levels.read("microphone").rms_dbfs == SILENT_DBFS
    tone = (16384 * np.sin(np.arange(960) * 2 * np.pi / 96)).astype(np.int16)
    for _ in range(50):
        levels.put("microphone", tone)
        now[0] += 0.02
    level = levels.read("microphone")
    assert level.rms_dbfs == pytest.approx(-9.03, abs=0.1)
    assert level.peak_dbfs == pytest.approx(-6.02, abs=0.1)
    assert level.at == pytest.approx(now[0] - 0.02)
    assert levels.read("speaker").peak_dbfs == SILENT_DBFS, "each has its own"
    levels.put("microphone", np.zeros(960, np.int16))
    assert levels.read("microphone").peak_dbfs == pytest.approx(-6.42, abs=0.1), "20 dB a second"
    now[0] += 0.6
    assert levels.read("microphone").rms_dbfs == SILENT_DBFS
    levels.put("microphone", np.zeros(0, np.int16))


def test_the_loudest_sample_there_is_is_no_mistake() -> None:
    levels = Levels(lambda: 0.0)
    levels.put("speaker", np.full(960, -32768, np.int16))
    assert levels.read("speaker").peak_dbfs == pytest.approx(0.0)
