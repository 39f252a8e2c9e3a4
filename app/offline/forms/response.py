"""QuestionnaireResponse (FHIR R4) in and out: what was read is written again, what we do not use included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from app.offline.forms.answers import Answers, Given, Place, Row, rows_of
from app.offline.forms.enabling import Enabling, repetitions
from app.offline.forms.errors import ResponseBroken
from app.offline.forms.extensions import first_value
from app.offline.forms.fhir_json import Json, JsonError, read_object, write_object
from app.offline.forms.model import Form, Item, ItemType
from app.offline.forms.validate import check_response
from app.wire.forms import MAX_FORM_BYTES

MAX_RESPONSE_BYTES = 2 * MAX_FORM_BYTES


class Status(StrEnum):
    """http://hl7.org/fhir/questionnaire-answers-status: the ones that we write."""

    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    AMENDED = "amended"


def read_response(data: bytes) -> Answers:
    """The answers in a QuestionnaireResponse (FHIR JSON); raises :class:`ResponseBroken`. Call it in a thread."""
    try:
        document = read_object(data, MAX_RESPONSE_BYTES)
    except JsonError as exc:
        raise ResponseBroken(str(exc)) from exc
    check_response(document)
    return answers_of(document)


def write_response(answers: Answers) -> bytes:
    """The QuestionnaireResponse (FHIR JSON) of these answers; raises :class:`ResponseBroken` when it is not a valid
    one. Call it in a thread."""
    document = document_of(answers)
    check_response(document)
    return write_object(document)


def answers_of(document: Json) -> Answers:
    """The tree of a checked document."""
    rest = {name: inner for name, inner in document.items() if name != "item"}
    return Answers(_rows(document.get("item", ())), rest)


def document_of(answers: Answers) -> dict[str, Json]:
    """The JSON of a tree."""
    document = dict(answers.rest)
    if answers.rows:
        document["item"] = [_row_out(row) for row in answers.rows]
    return document


def begun(form: Form) -> Answers:
    """The empty response to a form."""
    rest = {"resourceType": "QuestionnaireResponse", "status": Status.IN_PROGRESS.value}
    return Answers((), {**rest, "questionnaire": form.canonical} if form.canonical else rest)


def finished(
    form: Form, answers: Answers, enabling: Enabling, status: Status, authored: datetime, language: str = ""
) -> Answers:
    """The response to send: of what is asked only, each row with the words that the person read; a question that is
    unsupported here keeps its row, without an answer. `authored` with its zone.
    """
    if authored.tzinfo is None:
        raise ValueError("a time needs its zone")
    rest = {**answers.rest, "status": status.value, "authored": authored.isoformat(timespec="seconds")}
    if language:
        rest["language"] = language
    return Answers(_asked(form.items, answers, enabling, (), language), rest)


def _asked(
    items: tuple[Item, ...], answers: Answers, enabling: Enabling, parent: Place, language: str
) -> tuple[Row, ...]:
    made: list[Row] = []
    for item in items:
        if item.type is ItemType.DISPLAY or not enabling.asked(parent, item):
            continue
        rows = rows_of(answers, parent, item.link_id)
        below = [
            _asked(item.items, answers, enabling, (*parent, (item.link_id, n)), language)
            for n in range(repetitions(item, answers, parent))
        ]
        text = item.words.said(language)
        if item.question:
            row = rows[0] if rows else Row(item.link_id)
            given = tuple(replace(one, rows=inner) for one, inner in zip(row.given, below, strict=False))
            if given or item.unsupported is not None:
                made.append(_worded(replace(row, given=given), text))
        else:
            whole = rows or (Row(item.link_id),)
            made.extend(
                _worded(replace(row, rows=inner), text) for row, inner in zip(whole, below, strict=True) if inner
            )
    return tuple(made)


def _worded(row: Row, text: str) -> Row:
    return replace(row, rest={**row.rest, "text": text}) if text else row


def _rows(items: Json) -> tuple[Row, ...]:
    return tuple(_row_in(item) for item in items)


def _row_in(item: Mapping[str, Json]) -> Row:
    rest = {name: inner for name, inner in item.items() if name not in ("linkId", "answer", "item")}
    return Row(str(item["linkId"]), tuple(map(_given_in, item.get("answer", ()))), _rows(item.get("item", ())), rest)


def _given_in(answer: Mapping[str, Json]) -> Given:
    value = first_value(answer)
    known = {"item"} if value is None else {"item", value.key}
    rest = {name: inner for name, inner in answer.items() if name not in known}
    return Given(value, _rows(answer.get("item", ())), rest)


def _row_out(row: Row) -> dict[str, Json]:
    made: dict[str, Json] = {"linkId": row.link_id, **row.rest}
    if row.given:
        made["answer"] = [_given_out(given) for given in row.given]
    if row.rows:
        made["item"] = [_row_out(inner) for inner in row.rows]
    return made


def _given_out(given: Given) -> dict[str, Json]:
    made: dict[str, Json] = dict(given.rest)
    if given.value is not None:
        made[given.value.key] = given.value.data
    if given.rows:
        made["item"] = [_row_out(row) for row in given.rows]
    return made
