"""Clips and voices recorded for the clinic, through the presenters' commands and the real service."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.presenters.sending_views import RecordPhase
from app.presenters.views import Page
from tests.e2e.sending_kit import begin, clinic, reopened


@pytest.mark.parametrize("film", [True, False])
def test_a_recording_becomes_a_part(tmp_path: Path, film: bool) -> None:
    async def run() -> None:
        async with clinic(tmp_path) as made:
            patient = made.patient
            recording = patient.presenter.recording
            await begin(patient, "follow-up")
            recording.open_recording(film)
            await patient.until(lambda v: v.page is Page.RECORD)
            recording.start_recording()
            await patient.until(lambda v: v.sending.record.fraction > 2.5 / 180)
            recording.stop_recording()
            view = await patient.until(lambda v: v.page is Page.SEND and v.sending.compose.parts)
            assert view.sending.compose.parts[0].title == ("Clip with sound 1" if film else "Voice message 1")
            recording.open_recording(film)
            recording.start_recording()
            await patient.until(lambda v: v.sending.record and v.sending.record.phase is RecordPhase.RECORDING)
            recording.leave_recording()
            view = await patient.until(lambda v: v.page is Page.SEND)
            assert len(view.sending.compose.parts) == 1

    asyncio.run(run())


@pytest.mark.parametrize("film", [True, False])
def test_closing_the_window_ends_a_recording_and_keeps_it(tmp_path: Path, film: bool) -> None:
    async def run() -> None:
        async with clinic(tmp_path) as made:
            patient = made.patient
            await begin(patient, "follow-up")
            patient.presenter.recording.open_recording(film)
            patient.presenter.recording.start_recording()
            await patient.until(lambda v: v.sending.record and v.sending.record.fraction > 2.5 / 180)
            again = made.patient = await reopened(patient, tmp_path)
            view = await again.until(lambda v: v.sending.drafts and "Connected" in v.clinic.text)
            again.presenter.drafting.open_draft(view.sending.drafts[0].draft)
            view = await again.until(lambda v: v.sending.compose)
            assert len(view.sending.compose.parts) == 1
            assert view.sending.compose.about.startswith("It goes with your visit today")

    asyncio.run(run())
