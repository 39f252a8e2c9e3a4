"""From a person's typing to FHIR values and back, and what to say when it does not fit. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal

from app.offline.forms.calculate import unit_fields
from app.offline.forms.checks import Fault, Wrong, real_date, takes
from app.offline.forms.fhir_json import Json
from app.offline.forms.in_words import date_words, in_words, number_words
from app.offline.forms.model import Item, ItemType, Value
from app.offline.forms.values import same
from app.offline.parts import AVIF, CLIP, HEIC, JPEG, PDF, PICTURES, PNG, VOICE, WEBP
from app.presenters.form_views import ChoiceView, FieldKind, FieldView, FileWay, FormInput

_NUMBER = re.compile(r"[+-]?\d{1,15}([.,]\d{1,10})?", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", re.ASCII)
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?", re.ASCII)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+", re.ASCII)

_KINDS = {
    ItemType.BOOLEAN: FieldKind.ONE,
    ItemType.DECIMAL: FieldKind.NUMBER,
    ItemType.INTEGER: FieldKind.NUMBER,
    ItemType.QUANTITY: FieldKind.NUMBER,
    ItemType.DATE: FieldKind.DATE,
    ItemType.DATE_TIME: FieldKind.DATE_CLOCK,
    ItemType.TIME: FieldKind.CLOCK,
    ItemType.STRING: FieldKind.LINE,
    ItemType.URL: FieldKind.LINE,
    ItemType.TEXT: FieldKind.PARAGRAPH,
    ItemType.CHOICE: FieldKind.ONE,
    ItemType.OPEN_CHOICE: FieldKind.ONE,
    ItemType.ATTACHMENT: FieldKind.FILES,
    ItemType.REFERENCE: FieldKind.ONE,
}
_YES_NO = (("true", "Yes"), ("false", "No"))
_MAX_LINE = 10_000


class NotUnderstood(ValueError):
    """What was typed is no value of that kind; `str()` is a sentence for a person."""


@dataclass(frozen=True)
class Typed:
    text: str
    unit: int = 0


def kind_of(item: Item) -> FieldKind:
    """How the page asks the question of an item."""
    if item.unsupported is not None:
        return FieldKind.NONE
    if item.read_only or item.calculated:
        return FieldKind.READ
    if item.options or item.type is ItemType.OPEN_CHOICE:
        return FieldKind.MANY if item.repeats else FieldKind.ONE
    return _KINDS[item.type]


def field_of(item: Item, values: tuple[Value, ...], language: str) -> FieldView:
    """The field with what was answered in it."""
    kind = kind_of(item)
    if kind in (FieldKind.ONE, FieldKind.MANY):
        return _choices(item, kind, values, language)
    if kind in (FieldKind.READ, FieldKind.NONE):
        return FieldView(kind, tuple(in_words(value, item, language) for value in values) or ("",))
    if kind is FieldKind.FILES:
        most = item.bounds.max_occurs if item.repeats else 1
        names = tuple(in_words(value, item, language) for value in values)
        more = most is None or len(values) < most
        return FieldView(kind, names, can_add_file=more, ways=file_ways(item), endings=file_endings(item))
    typed = tuple(_typed(item, value) for value in values) or (Typed(""),)
    units = tuple(unit.display for unit in item.units)
    most = item.bounds.max_occurs if item.repeats else 1
    return FieldView(
        kind,
        tuple(one.text for one in typed),
        units=units,
        unit=tuple(one.unit for one in typed) if units else (),
        can_add=most is None or len(typed) < most,
        hint=item.hint.said(language) or _range_hint(item),
    )


def file_ways(item: Item) -> tuple[FileWay, ...]:
    """What is offered where files are asked for: recordings only where the question names their kind."""
    named = bool(item.bounds.media_types)
    offered = {
        FileWay.PHOTO: takes(item, AVIF) or takes(item, JPEG),
        FileWay.FILE: bool(file_endings(item)),
        FileWay.CLIP: named and takes(item, CLIP),
        FileWay.VOICE: named and takes(item, VOICE),
    }
    return tuple(way for way, on in offered.items() if on)


def file_endings(item: Item) -> tuple[str, ...]:
    """Of files that can be the answer. All photos can where JPEG can: their copies are made as it is asked."""
    photos = takes(item, AVIF) or takes(item, JPEG)
    kinds = (kind for kind in _ENDINGS if (photos if kind in PICTURES else takes(item, kind)))
    return tuple(ending for kind in kinds for ending in _ENDINGS[kind])


_ENDINGS = {
    JPEG: ("jpg", "jpeg"),
    PNG: ("png",),
    WEBP: ("webp",),
    AVIF: ("avif",),
    HEIC: ("heic", "heif"),
    PDF: ("pdf",),
    CLIP: ("mp4",),
    VOICE: ("ogg", "oga", "opus"),
}


def values_of_input(item: Item, given: FormInput, zone: tzinfo) -> tuple[Value, ...]:
    """The answers that stand in the field. Raises :class:`NotUnderstood`; empty fields are no answers."""
    kind = kind_of(item)
    if kind in (FieldKind.ONE, FieldKind.MANY):
        return _chosen(item, given)
    if kind in (FieldKind.READ, FieldKind.NONE, FieldKind.FILES):
        raise ValueError("nothing is typed there")
    units = (*given.units, *(0 for _ in given.texts))
    return tuple(
        _value(item, " ".join(text.split()) if kind is not FieldKind.PARAGRAPH else text.strip(), unit, zone)
        for text, unit in zip(given.texts, units, strict=False)
        if text.strip()
    )


def fault_sentence(fault: Fault) -> str:
    """What a person can do about it."""
    say = _SENTENCES[fault.wrong]
    return say.format(bound=_bound_words(fault.bound))


_SENTENCES = {
    Wrong.MISSING: "Please answer this question.",
    Wrong.TOO_FEW: "Please give at least {bound} answers.",
    Wrong.TOO_MANY: "Please give no more than {bound} answers.",
    Wrong.TOO_SMALL: "This is too low. Please write {bound} or more.",
    Wrong.TOO_LARGE: "This is too high. Please write {bound} or less.",
    Wrong.TOO_SHORT: "Please write a little more: at least {bound} letters.",
    Wrong.TOO_LONG: "Please write a little less: at most {bound} letters.",
    Wrong.TOO_FINE: "Please write at most {bound} digits after the point.",
    Wrong.OTHER_UNIT: "Please choose the unit that fits: the limit is {bound}.",
    Wrong.NOT_AN_OPTION: "Please choose one of the answers.",
    Wrong.ALONE: "This answer does not go together with the others. Please choose again.",
    Wrong.PATTERN: "This does not look right. Please check it.",
    Wrong.NO_DATE: "There is no such day. Please check it.",
    Wrong.FILE_TOO_LARGE: "This file is too large.",
    Wrong.OTHER_FILE: "This kind of file is not asked for here.",
}


def _bound_words(bound: Json) -> str:
    text = "" if bound is None else str(bound)
    return date_words(text) if real_date(text) and "-" in text else text


def _choices(item: Item, kind: FieldKind, values: tuple[Value, ...], language: str) -> FieldView:
    if item.type is ItemType.BOOLEAN:
        chosen = {str(value.data).lower() for value in values}
        return FieldView(kind, choices=tuple(ChoiceView(key, label, key in chosen) for key, label in _YES_NO))
    choices = tuple(
        ChoiceView(str(n), option.words.said(language), any(same(option.value, value) for value in values))
        for n, option in enumerate(item.options)
    )
    other = None
    if item.type is ItemType.OPEN_CHOICE:
        free = (v for v in values if not any(same(option.value, v) for option in item.options))
        other = "; ".join(in_words(value) for value in free)
    return FieldView(kind, choices=choices, other=other)


def _chosen(item: Item, given: FormInput) -> tuple[Value, ...]:
    if item.type is ItemType.BOOLEAN:
        return tuple(Value("valueBoolean", key == "true") for key in given.chosen[:1])
    known = {str(n): option for n, option in enumerate(item.options)}
    options = [known[key] for key in given.chosen if key in known]
    values = [option.value for option in options]
    other = " ".join(given.other.split())[:_MAX_LINE]
    if item.type is ItemType.OPEN_CHOICE and other:
        values.append(Value("valueString", other))
    return tuple(values) if item.repeats else tuple(values[-1:])


def _typed(item: Item, value: Value) -> Typed:
    if value.key == "valueQuantity":
        unit = value.data.get("code") or value.data.get("unit")
        at = next((n for n, one in enumerate(item.units) if unit in (one.code, one.display)), 0)
        return Typed(number_words(value.data.get("value", "")), at)
    if value.key == "valueDateTime":
        return Typed(str(value.data)[:16])
    if value.key == "valueTime":
        return Typed(str(value.data)[:5])
    return Typed(number_words(value.data))


def _value(item: Item, text: str, unit: int, zone: tzinfo) -> Value:
    if len(text) > _MAX_LINE:
        raise NotUnderstood("This is too long. Please write a little less.")
    return _READ[item.type](item, text, unit, zone)


def _decimal(item: Item, text: str, unit: int, zone: tzinfo) -> Value:
    return Value("valueDecimal", _number(text))


def _integer(item: Item, text: str, unit: int, zone: tzinfo) -> Value:
    number = _number(text)
    if number != number.to_integral_value():
        raise NotUnderstood("Please write a whole number, like 12.")
    return Value("valueInteger", int(number))


def _quantity(item: Item, text: str, unit: int, zone: tzinfo) -> Value:
    return Value("valueQuantity", {"value": _number(text), **unit_fields(item, unit)})


def _number(text: str) -> Decimal:
    plain = text.replace(" ", "")
    if _THOUSANDS.fullmatch(plain):
        raise NotUnderstood("Please write this number without a comma, so that it cannot be misread.")
    if not _NUMBER.fullmatch(plain):
        raise NotUnderstood("Please write a number, like 12 or 36.5.")
    return Decimal(plain.replace(",", "."))


def _date(item: Item, text: str, unit: int, zone: tzinfo) -> Value:
    if not real_date(text):
        raise NotUnderstood("There is no such day. Please check it.")
    return Value("valueDate", text)


def _date_time(item: Item, text: str, unit: int, zone: tzinfo) -> Value:
    day, _, clock = text.partition("T")
    if not real_date(day):
        raise NotUnderstood("There is no such day. Please check it.")
    if not clock:
        return Value("valueDateTime", day)
    if not _CLOCK.fullmatch(clock) or len(day) != len("2026-12-24"):
        raise NotUnderstood("Please give the day and the time, like 14:30.")
    at = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=zone)
    return Value("valueDateTime", at.isoformat(timespec="seconds"))


def _time(item: Item, text: str, unit: int, zone: tzinfo) -> Value:
    if not _CLOCK.fullmatch(text):
        raise NotUnderstood("Please write a time, like 14:30.")
    return Value("valueTime", text if text.count(":") == 2 else f"{text}:00")


def _string(item: Item, text: str, unit: int, zone: tzinfo) -> Value:
    return Value("valueString", text)


def _address(item: Item, text: str, unit: int, zone: tzinfo) -> Value:
    if not _URL.fullmatch(text):
        raise NotUnderstood("Please write a web address, like https://example.org.")
    return Value("valueUri", text)


_READ: dict[ItemType, Callable[[Item, str, int, tzinfo], Value]] = {
    ItemType.DECIMAL: _decimal,
    ItemType.INTEGER: _integer,
    ItemType.QUANTITY: _quantity,
    ItemType.DATE: _date,
    ItemType.DATE_TIME: _date_time,
    ItemType.TIME: _time,
    ItemType.STRING: _string,
    ItemType.TEXT: _string,
    ItemType.URL: _address,
}


def _range_hint(item: Item) -> str:
    least, most = item.bounds.least, item.bounds.most
    low, high = (in_words(bound) if bound is not None else "" for bound in (least, most))
    if low and high:
        return f"From {low} to {high}."
    return f"{low} or more." if low else f"{high} or less." if high else ""
