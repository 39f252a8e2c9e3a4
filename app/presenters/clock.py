"""The time of day in sentences: as the country writes it, which only the screens know."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

Clock = Callable[[datetime], str]


def hours_and_minutes(at: datetime) -> str:
    """ "14:30": where no screen has said otherwise."""
    return f"{at:%H:%M}"


class _Written:
    clock: Clock = staticmethod(hours_and_minutes)


def write_clock_as(clock: Clock) -> None:
    """For the whole process, as a locale is. `clock` may be called from any thread."""
    _Written.clock = staticmethod(clock)


def clock(at: datetime) -> str:
    """ "14:30" or "2:30 PM"."""
    return _Written.clock(at)
