"""What is wrong with an answer, or missing: required, bounds, lengths, decimals, how many. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from app.offline.forms.answers import Answers, Place, rows_of, values_of
from app.offline.forms.enabling import Enabling, repetitions
from app.offline.forms.fhir_json import Json
from app.offline.forms.model import Form, Item, ItemType, Value
from app.offline.forms.values import compare, same

_DATE = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?", re.ASCII)


class Wrong(StrEnum):
    """What an answer breaks."""

    MISSING = "missing"
    TOO_FEW = "too-few"
    TOO_MANY = "too-many"
    TOO_SMALL = "too-small"
    TOO_LARGE = "too-large"
    TOO_SHORT = "too-short"
    TOO_LONG = "too-long"
    TOO_FINE = "too-fine"  # more decimal places than asked for
    OTHER_UNIT = "other-unit"
    NOT_AN_OPTION = "not-an-option"
    ALONE = "alone"  # an exclusive option beside another
    PATTERN = "pattern"
    NO_DATE = "no-date"
    FILE_TOO_LARGE = "file-too-large"
    OTHER_FILE = "other-file"


@dataclass(frozen=True)
class Fault:
    """`bound` is what was broken (a number of characters, a least value), for the sentence."""

    parent: Place
    link_id: str
    wrong: Wrong
    bound: Json = None


def faults(form: Form, answers: Answers, enabling: Enabling) -> tuple[Fault, ...]:
    """All that stands between these answers and a completed response, in the order of the form."""
    return tuple(_below(form.items, answers, enabling, ()))


def _below(items: tuple[Item, ...], answers: Answers, enabling: Enabling, parent: Place) -> Iterator[Fault]:
    for item in items:
        if not enabling.asked(parent, item) or item.unsupported is not None:
            continue
        if item.question:
            yield from faults_of(item, parent, values_of(answers, parent, item.link_id))
        elif item.type is ItemType.GROUP:
            yield from _of_group(item, parent, len(rows_of(answers, parent, item.link_id)))
        for n in range(repetitions(item, answers, parent)):
            yield from _below(item.items, answers, enabling, (*parent, (item.link_id, n)))


def _of_group(item: Item, parent: Place, count: int) -> Iterator[Fault]:
    bounds = item.bounds
    if item.repeats and bounds.min_occurs is not None and max(count, 1) < bounds.min_occurs:
        yield Fault(parent, item.link_id, Wrong.TOO_FEW, bounds.min_occurs)
    if bounds.max_occurs is not None and count > bounds.max_occurs:
        yield Fault(parent, item.link_id, Wrong.TOO_MANY, bounds.max_occurs)


def faults_of(item: Item, parent: Place, values: tuple[Value, ...]) -> tuple[Fault, ...]:
    """What is wrong with the answers to one question. Read-only and hidden ones are nobody's to answer."""
    if item.read_only or item.hidden:
        return ()
    found = [(Wrong.MISSING, None)] if not values and item.required else list(_how_many(item, len(values)))
    if len(values) > 1 and any(o.exclusive and same(o.value, v) for o in item.options for v in values):
        found.append((Wrong.ALONE, None))
    for value in values:
        found.extend(_of_value(item, value))
    return tuple(Fault(parent, item.link_id, wrong, bound) for wrong, bound in dict.fromkeys(found))


def _how_many(item: Item, count: int) -> Iterator[tuple[Wrong, Json]]:
    least, most = item.bounds.min_occurs, item.bounds.max_occurs
    if not item.repeats:
        most = 1
    if least is not None and count < least and (count or item.required):
        yield Wrong.TOO_FEW, least
    if most is not None and count > most:
        yield Wrong.TOO_MANY, most


def _of_value(item: Item, value: Value) -> Iterator[tuple[Wrong, Json]]:
    yield from _of_size(item, value)
    if isinstance(value.data, str):
        yield from _of_text(item, value)
    number = value.data.get("value") if value.key == "valueQuantity" else value.data
    places = -int(number.as_tuple().exponent) if isinstance(number, Decimal) else 0
    if item.bounds.decimals is not None and places > item.bounds.decimals:
        yield Wrong.TOO_FINE, item.bounds.decimals
    if item.options and item.type is not ItemType.OPEN_CHOICE and not any(same(o.value, value) for o in item.options):
        yield Wrong.NOT_AN_OPTION, None
    if value.key == "valueAttachment":
        yield from _of_file(item, value)


def _of_size(item: Item, value: Value) -> Iterator[tuple[Wrong, Json]]:
    for bound, wrong, beyond in ((item.bounds.least, Wrong.TOO_SMALL, -1), (item.bounds.most, Wrong.TOO_LARGE, 1)):
        if bound is None:
            continue
        if value.key == "valueQuantity" and bound.key != "valueQuantity":
            value = Value("valueDecimal", value.data.get("value"))
        order = compare(value, bound)
        if order == beyond:
            yield wrong, shown_bound(bound)
        elif order is None and value.key == "valueQuantity":
            yield Wrong.OTHER_UNIT, shown_bound(bound)


def shown_bound(bound: Value) -> str:
    """A bound as it stands in a sentence: "40", "2026-01-01", "5 kg"."""
    if bound.key == "valueQuantity":
        unit = bound.data.get("unit") or bound.data.get("code") or ""
        return f"{bound.data.get('value')} {unit}".strip()
    return str(bound.data)


def _of_text(item: Item, value: Value) -> Iterator[tuple[Wrong, Json]]:
    bounds = item.bounds
    if value.key in ("valueDate", "valueDateTime"):
        if not real_date(value.data):
            yield Wrong.NO_DATE, None
        return
    if bounds.max_length is not None and len(value.data) > bounds.max_length:
        yield Wrong.TOO_LONG, bounds.max_length
    if bounds.min_length is not None and len(value.data) < bounds.min_length:
        yield Wrong.TOO_SHORT, bounds.min_length


def real_date(text: str) -> bool:
    """Whether a FHIR date or dateTime names a day that there is (or a whole month or year)."""
    day = text.partition("T")[0]
    if not _DATE.fullmatch(day):
        return False
    parts = [int(part) for part in day.split("-")]
    return len(parts) < 3 or parts[2] <= _days(parts[0], parts[1])


def _days(year: int, month: int) -> int:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]


def _of_file(item: Item, value: Value) -> Iterator[tuple[Wrong, Json]]:
    bounds, kind, size = item.bounds, str(value.data.get("contentType", "")), value.data.get("size")
    if bounds.max_bytes is not None and isinstance(size, int) and size > bounds.max_bytes:
        yield Wrong.FILE_TOO_LARGE, bounds.max_bytes
    if not takes(item, kind):
        yield Wrong.OTHER_FILE, ", ".join(bounds.media_types)


def takes(item: Item, media_type: str) -> bool:
    """Whether a question for files takes this kind; one that names none takes all."""
    wanted = item.bounds.media_types
    return not wanted or any(_fits(media_type, one) for one in wanted)


def _fits(kind: str, wanted: str) -> bool:
    return kind == wanted or (wanted.endswith("/*") and kind.startswith(wanted[:-1]))
