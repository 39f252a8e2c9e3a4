"""What came as words, for a provider to read: messages, readings, a form's answers. Blocks: FHIR takes its time."""

from __future__ import annotations

import logging
from datetime import datetime

from app.offline.errors import OfflineError
from app.offline.forms.answers import Answers
from app.offline.forms.errors import FormBroken, FormMissing
from app.offline.forms.fhir_json import JsonError, read_object
from app.offline.forms.in_words import AnswerRow, Flag, answers_view
from app.offline.forms.library import Library
from app.offline.forms.model import Form
from app.offline.forms.response import MAX_RESPONSE_BYTES, read_response
from app.offline.parts import TEXT
from app.offline.readings import Measure, Reading, checked, words
from app.offline.readings_fhir import from_bundle
from app.presenters.review_sentences import moment
from app.presenters.review_views import Letter, LetterRow
from app.presenters.view_basics import Level, Sentence

log = logging.getLogger(__name__)

_MEASURES = {
    Measure.BLOOD_PRESSURE: "Blood pressure",
    Measure.GLUCOSE: "Blood sugar",
    Measure.WEIGHT: "Weight",
    Measure.TEMPERATURE: "Temperature",
    Measure.OXYGEN: "Oxygen",
    Measure.PULSE: "Pulse",
}
_FLAGS = {
    Flag.UNSUPPORTED: "The patient's app could not ask this.",
    Flag.CALCULATED: "Worked out, not answered.",
    Flag.UNKNOWN: "Not in the questionnaire.",
}
_UNREADABLE = Sentence("These words cannot be read: the file was damaged, or is of a newer version.", Level.WARN)
_AMENDED = Sentence("These answers replace earlier ones.", Level.NOTE)
_ANSWERS = "Answers to questions"


def form_named(data: bytes, media_type: str) -> str:
    """The canonical address ("url|version") of the questionnaire that these words answer; empty for all others."""
    if media_type == TEXT:
        return ""
    try:
        document = read_object(data, MAX_RESPONSE_BYTES)
    except JsonError:
        return ""
    return str(document.get("questionnaire", "")) if document.get("resourceType") == "QuestionnaireResponse" else ""


async def find_form(library: Library, canonical: str) -> Form | None:
    """The clinic's questionnaire of that address, if it is on this device; any version when none is named."""
    url, _, version = canonical.partition("|")
    if not url:
        return None
    for offered in await library.offered():
        entry = offered.entry
        if offered.here and entry.url == url and version in ("", entry.form_version):
            try:
                return await library.form(entry.sha256)
            except (FormBroken, FormMissing) as exc:
                log.info("a questionnaire is not shown: %s", type(exc).__name__)
    return None


def letter(data: bytes, media_type: str, form: Form | None, now: datetime) -> Letter:
    """`form`: the questionnaire that these words answer, if it is here. Raises nothing: words that cannot be read say
    so."""
    try:
        if media_type == TEXT:
            return Letter("Message", (LetterRow(data.decode()),))
        kind = read_object(data, MAX_RESPONSE_BYTES).get("resourceType")
        if kind == "Bundle":
            return Letter("Readings", tuple(_reading(one, now) for one in from_bundle(data)))
        if kind == "QuestionnaireResponse":
            return _answers(read_response(data), form)
    except (OfflineError, JsonError, UnicodeDecodeError) as exc:
        log.info("words that do not read: %s", type(exc).__name__)
    return Letter("Words", says=_UNREADABLE)


def _reading(reading: Reading, now: datetime) -> LetterRow:
    note = "Unusual" if checked(reading) else ""
    question = f"{_MEASURES[reading.measure]}, {moment(reading.at, now)}"
    return LetterRow(words(reading), question, note)


def _answers(answers: Answers, form: Form | None) -> Letter:
    language = str(answers.rest.get("language", ""))
    rows = answers_view(form, answers, language)
    title = form.title.said(language) if form is not None else ""
    replaced = any(Flag.AMENDED in row.flags for row in rows)
    return Letter(title or _ANSWERS, tuple(map(_row, rows)), _AMENDED if replaced else None)


def _row(row: AnswerRow) -> LetterRow:
    notes = [text for flag, text in _FLAGS.items() if flag in row.flags]
    heading = Flag.HEADING in row.flags
    answer = row.answer or ("" if heading or Flag.UNSUPPORTED in row.flags else "No answer")
    return LetterRow(answer, row.question, " ".join(notes), row.depth, heading)
