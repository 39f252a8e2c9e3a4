"""Times in words, as a person would say them. Pure: `now` comes in."""

from __future__ import annotations

import re
from datetime import datetime, time

from PySide6.QtCore import QCoreApplication, QDate, QLocale, QTime

_CLOCK = re.compile(r"(?P<hour>\d{1,2})(?: ?[:.h]? ?(?P<minute>\d{2}))? ?(?P<half>[ap]\.?m?\.?)?", re.ASCII)


def _say(text: str) -> str:
    return QCoreApplication.translate("words", text)


def english_here() -> QLocale:
    """English words with this country's habits for clock and calendar: the texts are English until translated."""
    return QLocale(QLocale.Language.English, QLocale.system().territory())


def clock(at: datetime | time) -> str:
    """The time of day: "14:30" or "2:30 PM", as the locale has it."""
    return QLocale().toString(QTime(at.hour, at.minute), QLocale.FormatType.ShortFormat)


def read_clock(text: str) -> time | None:
    """The time of day that a person wrote: "14:30", "14.30", "1430", "2:30 pm", "9". None when it is none."""
    match = _CLOCK.fullmatch(" ".join(text.lower().split()))
    if match is None:
        return None
    hour, minute, half = int(match["hour"]), int(match["minute"] or 0), (match["half"] or "")[:1]
    if half and not 1 <= hour <= 12:
        return None
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    return time(hour, minute) if hour < 24 and minute < 60 else None


def day(at: datetime, now: datetime) -> str:
    """ "Today", "Tomorrow", "Yesterday", or "Monday 23 November" (with the year when it is another)."""
    away = (at.date() - now.date()).days
    near = {0: _say("Today"), 1: _say("Tomorrow"), -1: _say("Yesterday")}
    if away in near:
        return near[away]
    form = "dddd d MMMM" if at.year == now.year else "dddd d MMMM yyyy"
    return QLocale().toString(QDate(at.year, at.month, at.day), form)


def day_and_clock(at: datetime, now: datetime) -> str:
    """ "Today at 14:30"."""
    return _say("{day} at {time}").format(day=day(at, now), time=clock(at))


def picture_age(seconds: int) -> str:
    """ "Picture from 12 seconds ago"; whole minutes from two minutes on. Raises ValueError below 0."""
    if seconds < 0:
        raise ValueError("a picture cannot come from the future")
    if seconds < 2:
        return _say("Picture from 1 second ago")
    if seconds < 120:
        return _say("Picture from {n} seconds ago").format(n=seconds)
    return _say("Picture from {n} minutes ago").format(n=seconds // 60)
