"""The time of day in sentences follows what the screens say of the country's habit."""

from collections.abc import Iterator
from datetime import datetime

import pytest

from app.presenters.clock import clock, hours_and_minutes, write_clock_as
from app.presenters.review_sentences import moment
from app.presenters.sending_words import when_words

AT = datetime(2026, 11, 26, 21, 8)


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    write_clock_as(hours_and_minutes)


def test_all_sentences_write_the_time_as_the_screens_do() -> None:
    assert clock(AT) == "21:08"
    write_clock_as(lambda at: f"{at:%I:%M %p}".lstrip("0"))
    assert when_words(AT, AT) == "today at 9:08 PM"
    assert moment(AT, AT) == "9:08 PM today"
