"""What several media tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from pulse import SoundServer, sound_server


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoundServer]:
    """A sound server with a loudspeaker and a microphone; PortAudio sees nothing else meanwhile."""
    with sound_server(tmp_path_factory.mktemp("sound")) as server:
        yield server


@pytest.fixture(autouse=True)
def _ordinary_scheduling() -> Iterator[None]:
    """FFmpeg's libsvtav1, which some tests use, leaves root's thread under SCHED_FIFO (see app/media/video/svt.py)."""
    yield
    if hasattr(os, "sched_setscheduler") and os.geteuid() == 0 and os.sched_getscheduler(0) == os.SCHED_FIFO:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
