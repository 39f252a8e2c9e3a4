"""A recording that is ended from outside: what there is of it is kept in the draft."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.media.clip.bounds import Voice
from app.offline.parts import VOICE
from app.presenters import recording
from app.presenters.devices import Chosen
from app.presenters.recording import Recording
from app.presenters.sending_views import RecordPhase
from app.presenters.views import Page
from tests.presenters.sending_kit import Sending, sending


class Recorder:
    """Records until it is told to end; one that is deaf is not told."""

    def __init__(self, deaf: bool) -> None:
        self.deaf, self.ended = deaf, asyncio.Event()

    def end(self) -> None:
        if not self.deaf:
            self.ended.set()

    async def run(self) -> Voice:
        await self.ended.wait()
        return Voice(b"OggS and more", 1.0)


async def begun(at: Sending, deaf: bool = False) -> Recording:
    await at.begin()
    made = Recording(at.around, at.drafting, lambda **given: Recorder(deaf), lambda: Chosen(), lambda event: None)
    made.open_recording(False)
    made.start_recording()
    await at.until(lambda: (shown := made.view()) is not None and shown.phase is RecordPhase.RECORDING)
    return made


def test_what_was_recorded_when_the_app_ends_is_in_the_draft(tmp_path: Path) -> None:
    async def run() -> None:
        async with sending(tmp_path) as at:
            made = await begun(at)
            await made.end()
            assert [part.named.media_type for part in at.draft.parts] == [VOICE]
            assert at.page is Page.SEND
            await made.end()

    asyncio.run(run())


def test_a_recorder_that_does_not_end_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        async with sending(tmp_path) as at:
            made = await begun(at, deaf=True)
            await made.end()
            await at.settled()
            assert at.draft.parts == ()

    monkeypatch.setattr(recording, "_END_S", 0.01)
    asyncio.run(run())
    assert "did not end in time" in caplog.text
