"""PURE: what a person measures at home: typed, unit-checked, range-checked. As FHIR it is in `readings_fhir`.

Bounds are of what a body and a household instrument can give, after the usual reference ranges: what is outside of
`can` is refused, what is outside of `usual` is asked back.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from app.offline.errors import OfflineError
from app.wire.base import UtcTime, WireModel

MAX_READINGS = 100
MAX_DIGITS = 12
OLDEST_DAYS = 366
_CLOCK_MAY_BE_OFF = timedelta(minutes=2)


class Measure(StrEnum):
    """What is measured."""

    BLOOD_PRESSURE = "blood-pressure"
    GLUCOSE = "glucose"
    WEIGHT = "weight"
    TEMPERATURE = "temperature"
    OXYGEN = "oxygen"
    PULSE = "pulse"


@dataclass(frozen=True)
class Range:
    low: Decimal
    high: Decimal

    def holds(self, value: Decimal) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Value:
    """One number of a measure in one unit: `name` for a sentence, what `can` be and what is `usual`."""

    name: str
    can: Range
    usual: Range


@dataclass(frozen=True)
class Unit:
    """`code` as UCUM writes it (ucum.org), `words` as a person does; `places` after the decimal mark at most."""

    code: str
    words: str
    places: int
    values: tuple[Value, ...]


def _value(name: str, can: tuple[str, str], usual: tuple[str, str]) -> Value:
    return Value(name, Range(*map(Decimal, can)), Range(*map(Decimal, usual)))


_UNITS: dict[Measure, tuple[Unit, ...]] = {
    Measure.BLOOD_PRESSURE: (
        Unit(
            "mm[Hg]",
            "mmHg",
            0,
            (
                _value("The upper blood pressure", ("40", "300"), ("85", "200")),
                _value("The lower blood pressure", ("20", "200"), ("45", "120")),
            ),
        ),
    ),
    Measure.GLUCOSE: (
        Unit("mg/dL", "mg/dL", 1, (_value("A blood sugar", ("10", "1500"), ("60", "350")),)),
        Unit("mmol/L", "mmol/L", 2, (_value("A blood sugar", ("0.6", "83"), ("3.3", "19.5")),)),
    ),
    Measure.WEIGHT: (
        Unit("kg", "kg", 3, (_value("A weight", ("0.3", "650"), ("2.5", "200")),)),
        Unit("[lb_av]", "lb", 2, (_value("A weight", ("0.7", "1430"), ("5.5", "440")),)),
    ),
    Measure.TEMPERATURE: (
        Unit("Cel", "°C", 2, (_value("A temperature", ("25", "45"), ("35", "40")),)),
        Unit("[degF]", "°F", 2, (_value("A temperature", ("77", "113"), ("95", "104")),)),
    ),
    Measure.OXYGEN: (Unit("%", "%", 1, (_value("The oxygen", ("30", "100"), ("90", "100")),)),),
    Measure.PULSE: (Unit("/min", "beats a minute", 0, (_value("A pulse", ("20", "300"), ("45", "130")),)),),
}


class ReadingRefused(OfflineError):
    """What was typed is no such reading; `sentence` says why and what to do."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence
        super().__init__()


class Reading(WireModel):
    """One reading: `values` in `unit` (UCUM), two for a blood pressure (upper, lower), else one; `at` when taken."""

    measure: Measure
    unit: str = Field(max_length=20)
    values: tuple[Decimal, ...] = Field(min_length=1, max_length=2)
    at: UtcTime


@dataclass(frozen=True)
class Typed:
    """A reading that can be; `doubt` is a question for the person when it is unusual, else ""."""

    reading: Reading
    doubt: str


def units(measure: Measure) -> Mapping[str, str]:
    """UCUM code -> words for a screen, the first one being the usual one of its system."""
    return {unit.code: unit.words for unit in _UNITS[measure]}


def typed(measure: Measure, text: str, unit: str, at: datetime) -> Typed:
    """Reads what a person has typed: "120/80", "37,2", "5.5", in any script's digits.

    `unit` is a UCUM code of :func:`units` (KeyError otherwise). Point and comma both are decimal marks: nobody
    measures thousands at home. Raises :class:`ReadingRefused`.
    """
    which = _unit(measure, unit)
    numbers = _numbers(text, len(which.values), which.places)
    reading = Reading(measure=measure, unit=unit, values=numbers, at=at)
    return Typed(reading, checked(reading))


def dated(at: datetime, now: datetime) -> datetime:
    """When it was taken, to the second, in the zone of `now`. Raises :class:`ReadingRefused` for the future, and for
    what is older than :data:`OLDEST_DAYS`."""
    if at > now + _CLOCK_MAY_BE_OFF:
        raise ReadingRefused("This time is still to come. Please look at the day and the time again.")
    if now - at > timedelta(days=OLDEST_DAYS):
        raise ReadingRefused("This was measured too long ago to be sent. Please look at the day again.")
    return at.replace(microsecond=0)


def checked(reading: Reading) -> str:
    """No words for a usual reading, a question for an unusual one. Raises ReadingRefused for one that cannot be."""
    which = _unit(reading.measure, reading.unit)
    if len(reading.values) != len(which.values):
        raise ReadingRefused(_HOW[len(which.values)])
    for number, value in zip(reading.values, which.values, strict=True):
        if not value.can.holds(number):
            raise ReadingRefused(_impossible(reading.measure, which, value, number))
    if reading.measure is Measure.BLOOD_PRESSURE and reading.values[0] <= reading.values[1]:
        raise ReadingRefused("The upper blood pressure is larger than the lower one. Please look again.")
    for number, value in zip(reading.values, which.values, strict=True):
        if not value.usual.holds(number):
            return f"{value.name} of {said(number)} {which.words} is unusual. Is this right?"
    return ""


def said(number: Decimal) -> str:
    """A number for a sentence: no zeros at its end, no exponent."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def words(reading: Reading) -> str:
    """A reading for a screen: "120/80 mmHg"."""
    return "/".join(said(value) for value in reading.values) + " " + _unit(reading.measure, reading.unit).words


_HOW = {
    1: "Please type one number, such as 37 or 37.2.",
    2: "Please type two numbers with a stroke between them, such as 120/80.",
}
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def _unit(measure: Measure, code: str) -> Unit:
    return {unit.code: unit for unit in _UNITS[measure]}[code]


def _numbers(text: str, count: int, places: int) -> tuple[Decimal, ...]:
    pieces = [piece for piece in re.split(r"[/\s]+", _plain(text)) if piece]
    if len(pieces) != count or not all(_NUMBER.fullmatch(piece) and len(piece) <= MAX_DIGITS for piece in pieces):
        raise ReadingRefused(_HOW[count])
    if any(len(piece.partition(".")[2]) > places for piece in pieces):
        some = f"at most {places} digits after the point" if places else "no digits after the point"
        raise ReadingRefused(f"Please type whole readings, with {some}.")
    return tuple(Decimal(piece) for piece in pieces)


def _plain(text: str) -> str:
    """ASCII digits, points and strokes for what other scripts and keyboards write."""
    digits = (str(unicodedata.decimal(char, None)) if char.isdecimal() else char for char in text.strip()[:100])
    return "".join(digits).translate({ord(","): ".", 0x066B: ".", 0xFF0E: ".", 0xFF0C: ".", 0x2044: "/", 0x2215: "/"})


def _impossible(measure: Measure, unit: Unit, value: Value, number: Decimal) -> str:
    sentence = f"{value.name} of {said(number)} {unit.words} cannot be. Please look again."
    others = [other for other in _UNITS[measure] if other is not unit and other.values[0].usual.holds(number)]
    return sentence + (f" Is it in {others[0].words}?" if others else "")
