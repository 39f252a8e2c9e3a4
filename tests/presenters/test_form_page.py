"""A questionnaire in the presenter's hands: pages, what is said, what is kept, what is sent."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import pytest

from app.offline.forms.expressions import ChildEvaluator
from app.offline.forms.pages import PageKind
from app.offline.forms.read import read_form
from app.offline.forms.response import read_response
from app.presenters.form_input import NotUnderstood, values_of_input
from app.presenters.form_page import FormFile, FormFilling
from app.presenters.form_views import FieldKind, FormInput

NOW = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)
EXT = "http://hl7.org/fhir/StructureDefinition/"
OPTIONS = [
    {"valueCoding": {"code": "a", "display": "Fever"}},
    {"valueCoding": {"code": "b", "display": "Cough"}},
    {
        "valueCoding": {"code": "n", "display": "None"},
        "extension": [{"url": f"{EXT}questionnaire-optionExclusive", "valueBoolean": True}],
    },
]
ITEMS = [
    {"linkId": "hello", "type": "display", "text": "Welcome"},
    {
        "linkId": "well", "type": "boolean", "text": "Well?", "required": True,
        "_text": {"extension": [{"url": f"{EXT}translation", "extension": [
            {"url": "lang", "valueCode": "es"}, {"url": "content", "valueString": "¿Bien?"}]}]},
    },
    {
        "linkId": "what", "type": "choice", "text": "What?", "repeats": True, "answerOption": OPTIONS,
        "enableWhen": [{"question": "well", "operator": "=", "answerBoolean": False}],
    },
    {
        "linkId": "age", "type": "integer", "text": "Age?",
        "extension": [{"url": f"{EXT}minValue", "valueInteger": 1}, {"url": f"{EXT}maxValue", "valueInteger": 120}],
    },
    {"linkId": "post", "type": "string", "text": "Post code?", "extension": [{"url": f"{EXT}regex", "valueString": "[0-9]{4}"}]},  # noqa: E501
    {"linkId": "drugs", "type": "string", "text": "Medicines?", "repeats": True},
    {"linkId": "kin", "type": "group", "text": "Relative", "repeats": True, "item": [
        {"linkId": "name", "type": "string", "text": "Name?"}]},
    {"linkId": "doctor", "type": "reference", "text": "Doctor?"},
    {"linkId": "photo", "type": "attachment", "text": "Photo?"},
]  # fmt: skip
FORM = read_form(
    json.dumps({"resourceType": "Questionnaire", "status": "active", "title": "T", "item": ITEMS}).encode()
)


class Desk:
    """A filling with what it kept and sent."""

    def __init__(self, evaluator=None, language="en", **given) -> None:
        self.kept, self.sent, self.changes = [], [], 0
        self.filling = FormFilling(
            FORM, changed=self._changed, keep=self._keep, finish=self._finish, now=lambda: NOW, language=language,
            evaluator=evaluator, **given,
        )  # fmt: skip

    def _changed(self) -> None:
        self.changes += 1

    async def _keep(self, data) -> None:
        self.kept.append(data)

    async def _finish(self, data) -> None:
        self.sent.append(data)

    @property
    def view(self):
        return self.filling.view()

    async def next(self, **given):
        await self.filling.next(self.view.key, FormInput(**given))
        return self.view

    async def to(self, question):
        await self.filling.jump(
            next(spot.key for spot in self.filling._spots if spot.item and spot.item.link_id == question)
        )


def run(coroutine) -> None:
    asyncio.run(coroutine)


def test_a_whole_form_page_by_page() -> None:
    async def go() -> None:
        desk = Desk()
        await desk.filling.begin()
        assert (desk.view.before, desk.view.question, desk.view.number) == (("Welcome",), "Well?", 1)
        assert not desk.view.optional
        view = await desk.next()
        assert view.question == "Well?"
        assert view.says.text.startswith("Please answer this question. If you cannot")
        view = await desk.next()
        assert view.question == "Age?"  # said once; then let go
        await desk.filling.back(view.key, FormInput())
        of = desk.view.of
        await desk.filling.answer(desk.view.key, FormInput(chosen=("false",)))
        assert desk.view.of == of + 1
        view = await desk.next(chosen=("false",))
        assert (view.question, view.field.kind) == ("What?", FieldKind.MANY)
        await desk.filling.answer(view.key, FormInput(chosen=("0", "1")))
        await desk.filling.answer(view.key, FormInput(chosen=("0", "1", "2")))
        assert [choice.chosen for choice in desk.view.field.choices] == [False, False, True]
        await desk.filling.answer(view.key, FormInput(chosen=("1", "2")))
        assert [choice.chosen for choice in desk.view.field.choices] == [False, True, False]
        view = await desk.next(chosen=("1",))
        assert (view.question, view.field.hint) == ("Age?", "From 1 to 120.")
        stale = view.key
        view = await desk.next(texts=("old",))
        assert (view.says.text, view.field.texts) == ("Please write a number, like 12 or 36.5.", ("old",))
        assert (await desk.next(texts=("old",))).question == "Age?"  # never let go: it would be lost
        assert (await desk.next(texts=("1.5",))).says.text == "Please write a whole number, like 12."
        view = await desk.next(texts=("130",))
        assert view.says.text.startswith("This is too high. Please write 120 or less.")
        view = await desk.next(texts=("71",))
        assert view.question == "Post code?"
        await desk.filling.next(stale, FormInput(texts=("5",)))  # a second press of the page before
        assert desk.view.question == "Post code?"
        await desk.to("drugs")
        await desk.filling.answer(desk.view.key, FormInput(texts=("one", "")))
        assert desk.view.field.texts == ("one", "")
        view = await desk.next(texts=("one", "two", ""))
        assert view.question == "Name?"
        view = await desk.next(texts=("Ann",))
        assert (view.kind, view.question, [row.label for row in view.repeats]) == (
            PageKind.REPEAT, "Relative", ["Relative 1"],
        )  # fmt: skip
        await desk.filling.add_row(view.key)
        assert (desk.view.question, desk.view.group) == ("Name?", "Relative 2 of 2")
        view = await desk.next(texts=("Bob",))
        await desk.filling.remove_row(view.key, 0)
        view = await desk.next()
        assert (view.question, view.field.kind) == ("Doctor?", FieldKind.NONE)
        assert "cannot be answered" in view.says.text
        view = await desk.next()
        await desk.filling.add_file(view.key, FormFile("urn:uuid:1", "Photo 1", "image/jpeg", 9))
        assert desk.view.field.texts == ("Photo 1",)
        view = await desk.next()
        assert (view.kind, view.ready) == (PageKind.SUMMARY, True)
        assert [(row.question, row.answer) for row in view.rows] == [
            ("Well?", "No"), ("What?", "Cough"), ("Age?", "71"), ("Post code?", ""), ("Medicines?", "one; two"),
            ("Relative: Name?", "Bob"), ("Doctor?", "Cannot be answered here"), ("Photo?", "Photo 1"),
        ]  # fmt: skip
        assert await desk.filling.finish()
        (sent,) = [json.loads(data) for data in desk.sent]
        assert (sent["status"], sent["language"]) == ("completed", "en")
        assert [row["linkId"] for row in sent["item"]] == ["well", "what", "age", "drugs", "kin", "doctor", "photo"]
        assert json.loads(desk.kept[-1])["status"] == "in-progress"

    run(go())


def test_a_draft_goes_on_where_it_was_kept_and_finishes_as_amended() -> None:
    async def go() -> None:
        first = Desk()
        await first.filling.begin()
        await first.filling.answer(first.view.key, FormInput(chosen=("true",)))
        second = Desk(answers=read_response(first.kept[-1]), amends=True)
        await second.filling.begin()
        assert [choice.chosen for choice in second.view.field.choices] == [True, False]
        assert await second.filling.finish()
        assert json.loads(second.sent[0])["status"] == "amended"

    run(go())


def test_nothing_is_finished_while_a_required_answer_is_missing() -> None:
    async def go() -> None:
        desk = Desk()
        await desk.filling.begin()
        assert not await desk.filling.finish()
        assert desk.sent == []
        await desk.filling.jump("summary/")
        assert not desk.view.ready
        assert desk.view.rows[0].says == "Please answer this question."

    run(go())


def test_the_persons_language() -> None:
    async def go() -> None:
        desk = Desk(language="es-MX")
        await desk.filling.begin()
        assert desk.view.question == "¿Bien?"

    run(go())


def test_the_forms_own_pattern_is_tried_in_the_child() -> None:
    async def go() -> None:
        with ChildEvaluator() as evaluator:
            desk = Desk(evaluator)
            await desk.filling.begin()
            await desk.to("post")
            view = await desk.next(texts=("12'34",))
            assert view.says.text.startswith("This does not look right.")
            assert (await desk.next(texts=("1234",))).question == "Medicines?"

    run(go())


@pytest.mark.parametrize(
    ("kind", "typed", "expected"),
    [
        ("decimal", "36,5", "36.5"),
        ("decimal", "1,000", None),
        ("decimal", "1e5", None),
        ("integer", "12", "12"),
        ("date", "2026-02-30", None),
        ("date", "2026-02", "2026-02"),
        ("date", "-02-03", None),
        ("dateTime", "2026-02-03T14:30", "2026-02-03T14:30:00+00:00"),
        ("dateTime", "2026-02T14:30", None),
        ("time", "14:30", "14:30:00"),
        ("time", "25:00", None),
        ("url", "example", None),
        ("string", "  two   words ", "two words"),
    ],
)
def test_what_is_typed(kind, typed, expected) -> None:
    whole = {"resourceType": "Questionnaire", "status": "active", "item": [{"linkId": "1", "type": kind}]}
    (item,) = read_form(json.dumps(whole).encode()).items
    if expected is None:
        with pytest.raises(NotUnderstood):
            values_of_input(item, FormInput(texts=(typed,)), UTC)
    else:
        (value,) = values_of_input(item, FormInput(texts=(typed,)), UTC)
        assert str(value.data) == expected
    assert values_of_input(item, FormInput(texts=(" ",)), UTC) == ()
