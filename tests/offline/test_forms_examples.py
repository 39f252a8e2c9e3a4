"""HL7's published examples load unchanged, are filled in, and their responses come back as they were."""

from __future__ import annotations

import json

import pytest
from form_kit import QUESTIONNAIRES, RESPONSES, VECTORS, document, example

from app.offline.forms.answers import set_values, values_of, walk
from app.offline.forms.calculate import start
from app.offline.forms.errors import FormBroken, FormTooLarge, ResponseBroken
from app.offline.forms.fhir_json import JsonError, read_object, write_object
from app.offline.forms.in_words import Flag, answers_view
from app.offline.forms.model import ItemType, Unsupported, Value
from app.offline.forms.pages import PageKind, pages
from app.offline.forms.read import read_form
from app.offline.forms.response import answers_of, begun, document_of, read_response, write_response
from app.offline.forms.validate import check_questionnaire

SAMPLE = {
    ItemType.BOOLEAN: Value("valueBoolean", True),
    ItemType.DECIMAL: Value("valueDecimal", 3),
    ItemType.INTEGER: Value("valueInteger", 3),
    ItemType.DATE: Value("valueDate", "2026-11-26"),
    ItemType.DATE_TIME: Value("valueDateTime", "2026-11-26T08:00:00Z"),
    ItemType.TIME: Value("valueTime", "08:00:00"),
    ItemType.STRING: Value("valueString", "words"),
    ItemType.TEXT: Value("valueString", "words"),
    ItemType.URL: Value("valueUri", "https://example.org"),
    ItemType.OPEN_CHOICE: Value("valueString", "words"),
    ItemType.QUANTITY: Value("valueQuantity", {"value": 3, "unit": "kg"}),
    ItemType.ATTACHMENT: Value("valueAttachment", {"contentType": "image/jpeg", "title": "Photo"}),
}


def elements(items):
    for one in items:
        yield one
        yield from elements(one.get("item", ()))


def test_the_sets_are_whole() -> None:
    counts = [len(list((VECTORS / f).glob(p))) for f in ("r4", "sdc") for p in ("Questionnaire-*", "*Response-*")]
    assert counts == [7, 5, 36, 6]


@pytest.mark.parametrize("path", QUESTIONNAIRES, ids=lambda path: f"{path.parent.name}-{path.stem[14:]}")
def test_a_questionnaire_loads_unchanged_loses_no_item_and_every_answer_comes_back(path) -> None:
    form = read_form(path.read_bytes())
    original = document(path)
    assert form.source == original
    assert read_object(write_object(form.source), 4_000_000) == original
    found = list(elements(original.get("item", ())))
    helps = sum(len(item.help) for item in form.by_id.values())
    assert len(form.by_id) + helps == len(found)
    assert {e["linkId"] for e in found if e["type"] != "display"} <= set(form.by_id)

    answers = start(form, begun(form), None).answers
    asked = {}
    for item in form.by_id.values():
        value = item.options[0].value if item.options else SAMPLE.get(item.type)
        nested = any(form.by_id[around].question for around in form.paths[item.link_id][:-1])
        if item.question and item.unsupported is None and value is not None and not nested:
            parent = tuple((around, 0) for around in form.paths[item.link_id][:-1])
            answers = set_values(form, answers, parent, item.link_id, (value,))
            asked[parent, item.link_id] = (value,)
    back = read_response(write_response(answers))
    assert back == answers
    assert {spot: values_of(back, *spot) for spot in asked} == asked


@pytest.mark.parametrize("path", RESPONSES, ids=lambda path: f"{path.parent.name}-{path.stem[22:]}")
def test_a_response_comes_back_as_it_was(path) -> None:
    answers = read_response(path.read_bytes())
    assert document_of(answers) == document(path)
    assert read_response(write_response(answers)) == answers
    rows = answers_view(None, answers)
    assert len(rows) == sum(1 for _ in walk(answers))
    assert all(row.question for row in rows)


def test_what_the_r4b_models_refuse_is_read_all_the_same() -> None:
    qs1 = example("r4/Questionnaire-qs1.json")
    assert sum(1 for item in qs1.by_id.values() if item.type is ItemType.DISPLAY) == 1
    assert sum(len(item.help) for item in qs1.by_id.values()) == 31
    assert [i.link_id for i in qs1.by_id.values() if i.unsupported is Unsupported.REFERENCE] != []
    example("sdc/Questionnaire-image-options.json")  # `_valueString` in an extension


def test_the_glasgow_coma_score_as_answered_is_read_in_words() -> None:
    form = example("r4/Questionnaire-gcs.json")
    answers = read_response((VECTORS / "r4/QuestionnaireResponse-gcs.json").read_bytes())
    rows = answers_view(form, answers)
    assert [row.answer for row in rows] == ["Confused", "Localizing pain", "Eyes open spontaneously"]


def test_an_item_that_we_cannot_ask_is_a_page_and_a_flag() -> None:
    form = example("r4/Questionnaire-phq-9-questionnaire.json")
    filled = start(form, begun(form), None)
    shown = [spot.item.unsupported for spot in pages(filled) if spot.kind is PageKind.QUESTION]
    assert shown == [*[Unsupported.NO_OPTIONS] * 8, None, Unsupported.NO_OPTIONS]
    response = {"resourceType": "QuestionnaireResponse", "status": "amended", "item": [{"linkId": "LittleInterest"}]}
    (row,) = answers_view(form, answers_of(response))
    assert row.flags == {Flag.UNSUPPORTED}
    response["item"] = [{"linkId": "gone", "text": "Old question", "answer": [{"valueString": "yes"}]}]
    (row,) = answers_view(form, answers_of(response))
    assert (row.question, row.answer, row.flags) == ("Old question", "yes", {Flag.UNKNOWN, Flag.AMENDED})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{",
        b"[" * 100_000,
        b'{"resourceType":"Patient"}',
        b'{"resourceType":"Questionnaire"}',
        b'{"resourceType":"Questionnaire","status":"active","item":[{"linkId":"1"}]}',
        b'{"resourceType":"Questionnaire","status":"active","item":[{"linkId":"1","type":"group","extra":1}]}',
        b'{"resourceType":"Questionnaire","status":"active","item":[{"linkId":"1","type":"string"},'
        b'{"linkId":"1","type":"string"}]}',
        b'{"resourceType":"Questionnaire","status":"active","version":NaN}',
    ],
)
def test_what_is_no_questionnaire_ends_in_a_sentence(data) -> None:
    with pytest.raises(FormBroken) as caught:
        read_form(data)
    assert str(caught.value).endswith("Please tell your clinic.")


def test_bounds_of_size_depth_and_numbers() -> None:
    deep = {"resourceType": "Questionnaire", "status": "active", "item": []}
    for _ in range(70):
        deep = {"item": [deep]}
    with pytest.raises(FormBroken):
        read_form(json.dumps(deep).encode())
    many = {"resourceType": "Questionnaire", "status": "active"}
    many["item"] = [{"linkId": str(n), "type": "string"} for n in range(3001)]
    with pytest.raises(FormTooLarge):
        read_form(json.dumps(many).encode())
    with pytest.raises(FormTooLarge):
        read_form(b" " * (1024 * 1024 + 1))
    for number in (b"1e999999999", b"9" * 50, b"Infinity"):
        with pytest.raises(JsonError):
            read_object(b'{"a":' + number + b"}", 1000)
    assert write_object(read_object(b'{"a":1.10,"b":[1e-7,{}],"c":[]}', 100)) == b'{"a":1.10,"b":[1e-7,{}],"c":[]}'


def test_a_fault_names_the_place_and_never_the_answer() -> None:
    canary = {"resourceType": "QuestionnaireResponse", "status": "completed", "CLEAR-CANARY": 1}
    canary["item"] = [{"linkId": "1", "answer": [{"valueInteger": "CLEAR-CANARY-2"}]}]
    del canary["CLEAR-CANARY"]
    with pytest.raises(ResponseBroken) as caught:
        read_response(json.dumps(canary).encode())
    assert "item.0.answer.0" in caught.value.detail
    assert "CANARY" not in caught.value.detail
    with pytest.raises(FormBroken):
        check_questionnaire(canary)
