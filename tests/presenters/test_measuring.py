"""When something was measured: now unless the person says otherwise; not to come, and not long ago."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from app.offline.readings import Measure, ReadingRefused, dated, typed
from app.offline.readings_fhir import from_bundle, to_bundle
from app.presenters.measuring import Measuring
from app.presenters.views import Page
from tests.presenters.sending_kit import NOW, sending


def test_a_reading_is_of_now_or_of_when_the_person_says(tmp_path: Path) -> None:
    async def run() -> None:
        async with sending(tmp_path) as at:
            await at.begin()
            measuring = Measuring(at.around, at.drafting, here=lambda naive: naive.replace(tzinfo=UTC))
            measuring.open_readings()
            measuring.choose_measure("temperature")
            await at.settled()
            days = measuring.view().days
            assert [words for _day, words in days[:3]] == ["Today", "Yesterday", "Tuesday, 24 November"]
            measuring.add_reading("37", "Cel")
            await at.settled()
            measuring.add_reading("38", "Cel", (days[1][0], time(22, 15)))
            await at.settled()
            yesterday = datetime(2026, 11, 25, 22, 15, tzinfo=UTC)
            assert [reading.at for reading in at.draft.readings] == [NOW, yesterday]
            assert "yesterday at 22:15" in at.drafting.view().readings[1].words
            measuring.add_reading("38", "Cel", (days[0][0], time(9, 45)))
            await at.settled()
            assert "still to come" in measuring.view().says.text
            assert len(at.draft.readings) == 2
            assert (measuring.view().days, at.page) == (days, Page.READING)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("away", "words"),
    [
        (timedelta(minutes=3), "still to come"),
        (timedelta(days=-367), "too long ago"),
        (timedelta(minutes=1), ""),
        (timedelta(days=-365), ""),
    ],
)
def test_a_time_that_cannot_be_is_refused(away: timedelta, words: str) -> None:
    if words:
        with pytest.raises(ReadingRefused) as caught:
            dated(NOW + away, NOW)
        assert words in str(caught.value)
    else:
        assert dated(NOW + away, NOW) == NOW + away


def test_fhir_says_when_it_was_taken_to_the_second() -> None:
    at = dated(NOW.replace(second=7, microsecond=123456), NOW)
    reading = typed(Measure.PULSE, "62", "/min", at).reading
    bundle = to_bundle([reading], "device0001")
    assert b'"effectiveDateTime":"2026-11-26T09:30:07' in bundle
    assert from_bundle(bundle) == (reading,)
