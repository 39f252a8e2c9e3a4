"""Answers in words, and a response as rows for whoever reads it beside pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from app.offline.forms.answers import Answers, Place, Row, walk
from app.offline.forms.fhir_json import Json
from app.offline.forms.model import Form, Item, ItemType, Value
from app.offline.forms.response import Status
from app.offline.forms.values import same

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


class Flag(StrEnum):
    """What a reader must know of a row."""

    UNSUPPORTED = "unsupported"  # the patient's app could not ask it
    AMENDED = "amended"  # the response replaces an earlier one
    CALCULATED = "calculated"  # worked out, not answered
    UNKNOWN = "unknown"  # the questionnaire has no such item
    HEADING = "heading"  # a group: no answer of its own


@dataclass(frozen=True)
class AnswerRow:
    """One question and its answer, in words; `depth` says how deep it is nested. `answer` is empty for a heading."""

    question: str
    answer: str
    depth: int
    flags: frozenset[Flag] = frozenset()
    link_id: str = ""


def answers_view(form: Form | None, answers: Answers, language: str = "") -> tuple[AnswerRow, ...]:
    """The rows of a response in its own order. Without the questionnaire (`form` None) the texts in the response
    itself, else its link ids, stand for the questions; no row is left out."""
    amended = answers.rest.get("status") == Status.AMENDED.value
    rows = []
    for parent, row in walk(answers):
        item = form.by_id.get(row.link_id) if form is not None else None
        rows.append(_row(item, parent, row, form is not None, amended, language))
    return tuple(rows)


def _row(item: Item | None, parent: Place, row: Row, known: bool, amended: bool, language: str) -> AnswerRow:
    flags = set()
    if item is None and known:
        flags.add(Flag.UNKNOWN)
    if item is not None and item.unsupported is not None:
        flags.add(Flag.UNSUPPORTED)
    if item is not None and item.calculated:
        flags.add(Flag.CALCULATED)
    if not row.given and (item.type is ItemType.GROUP if item is not None else bool(row.rows)):
        flags.add(Flag.HEADING)
    if amended and row.given:
        flags.add(Flag.AMENDED)
    said = "; ".join(in_words(given.value, item, language) for given in row.given if given.value is not None)
    return AnswerRow(question_words(item, row, language), said, len(parent), frozenset(flags), row.link_id)


def question_words(item: Item | None, row: Row | None, language: str) -> str:
    """The question as a person reads it: its text, else its code's name, else its link id."""
    own = str(row.rest.get("text", "")) if row is not None else ""
    if item is None:
        return own or (row.link_id if row is not None else "")
    text = item.words.said(language) or own
    if not text:
        codes = item.source.get("code", ()) if isinstance(item.source, Mapping) else ()
        text = next((str(code["display"]) for code in codes if code.get("display")), "") or item.link_id
    return f"{item.prefix} {text}" if item.prefix else text


def in_words(value: Value, item: Item | None = None, language: str = "") -> str:
    """One answer as a person says it. Nothing is lost: what we have no words for is shown as it stands."""
    if item is not None:
        chosen = next((option for option in item.options if same(option.value, value)), None)
        if chosen is not None:
            return chosen.words.said(language)
    plain = _PLAIN.get(value.key)
    if plain is not None:
        return plain(value.data)
    unit = item.units[0].display if item is not None and item.units and value.key in _NUMBERS else ""
    return f"{number_words(value.data)} {unit}".strip()


_NUMBERS = ("valueDecimal", "valueInteger")


def number_words(data: Json) -> str:
    return f"{data:f}" if isinstance(data, Decimal) else str(data)


def _coding_words(data: Json) -> str:
    return str(data.get("display") or data.get("code") or "")


def _quantity_words(data: Json) -> str:
    unit = data.get("unit") or data.get("code") or ""
    return f"{data.get('comparator', '')}{number_words(data.get('value', ''))} {unit}".strip()


def _reference_words(data: Json) -> str:
    return str(data.get("display") or data.get("reference") or "")


def _attachment_words(data: Json) -> str:
    return str(data.get("title") or data.get("contentType") or "File")


def date_words(text: str) -> str:
    """ "24 December 2026", "December 2026" or "2026"; what is no date as it stands."""
    try:
        parts = [int(part) for part in text.split("-")]
        date(*[*parts, 1, 1][:3])
    except (TypeError, ValueError):
        return text
    month = [_MONTHS[number - 1] for number in parts[1:2]]
    return " ".join([*map(str, parts[2:3]), *month, str(parts[0])])


def _date_time_words(text: str) -> str:
    day, _, clock = text.partition("T")
    return f"{date_words(day)} at {clock[:5]}" if clock else date_words(day)


_PLAIN: dict[str, Callable[[Json], str]] = {
    "valueBoolean": lambda data: "Yes" if data else "No",
    "valueDate": date_words,
    "valueDateTime": _date_time_words,
    "valueTime": lambda data: str(data)[:5],
    "valueCoding": _coding_words,
    "valueQuantity": _quantity_words,
    "valueReference": _reference_words,
    "valueAttachment": _attachment_words,
    "valueString": str,
    "valueUri": str,
}
