"""The engine on small forms: which items are asked, what is wrong, what is worked out, what travels."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from form_kit import EXT, SDC, code, coding, decimal, extension, fhirpath, form, item, text, whole, yes

from app.offline.forms.answers import add_row, remove_row, rows_of, set_values, values_of
from app.offline.forms.calculate import Filled, recalculate, start
from app.offline.forms.checks import Wrong, faults
from app.offline.forms.enabling import Enabling, holds
from app.offline.forms.expressions import ChildEvaluator, ExpressionFailed, Scope
from app.offline.forms.in_words import answers_view, in_words
from app.offline.forms.model import Condition, Operator, Unsupported, Value, Words
from app.offline.forms.pages import PageKind, pages
from app.offline.forms.response import Status, begun, document_of, finished, write_response
from app.offline.forms.values import compare, same

NOW = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)
FIVE = Value("valueInteger", 5)
KG = {"unit": "kg", "code": "kg"}


@pytest.fixture(scope="module")
def evaluator():
    with ChildEvaluator() as child:
        yield child


def wrong(made, answers) -> list[tuple[str, Wrong]]:
    return [(fault.link_id, fault.wrong) for fault in faults(made, answers, Enabling(made, answers))]


@pytest.mark.parametrize(
    ("operator", "answer", "values", "expected"),
    [
        (Operator.EXISTS, yes(True), (), False),
        (Operator.EXISTS, yes(False), (), True),
        (Operator.EXISTS, yes(True), (text("x"),), True),
        (Operator.EQUAL, code("a"), (code("b"), code("a")), True),
        (Operator.EQUAL, code("a"), (Value("valueCoding", {"system": "urn:y", "code": "a"}),), False),
        (Operator.EQUAL, code("a"), (Value("valueCoding", {"code": "a"}),), True),
        (Operator.UNEQUAL, code("a"), (code("b"), code("a")), False),
        (Operator.UNEQUAL, code("a"), (), True),
        (Operator.GREATER, FIVE, (whole(5),), False),
        (Operator.GREATER, FIVE, (whole(1), decimal("5.1")), True),
        (Operator.LESS, FIVE, (whole(4),), True),
        (Operator.AT_LEAST, FIVE, (whole(5),), True),
        (Operator.AT_MOST, FIVE, (whole(6),), False),
        (Operator.AT_MOST, FIVE, (), False),
        (Operator.LESS, Value("valueDate", "2026-03-01"), (Value("valueDate", "2026-02"),), True),
        (Operator.LESS, Value("valueDate", "2026-03-01"), (Value("valueDate", "2026-03"),), False),
        (
            Operator.GREATER,
            Value("valueQuantity", {"value": 2, **KG}),
            (Value("valueQuantity", {"value": 3, **KG}),),
            True,
        ),
        (Operator.GREATER, Value("valueQuantity", {"value": 2, **KG}), (Value("valueQuantity", {"value": 3}),), False),
    ],
)
def test_every_operator(operator, answer, values, expected) -> None:
    assert holds(Condition("q", operator, answer), values) is expected


def test_moments_with_zones_are_compared_in_one_time() -> None:
    east = Value("valueDateTime", "2026-01-01T01:00:00+02:00")
    assert same(east, Value("valueDateTime", "2025-12-31T23:00:00Z"))
    assert compare(east, Value("valueDateTime", "2026-01-01T00:00:00Z")) == -1


def test_any_and_all_and_a_circle_and_a_question_that_is_not_asked() -> None:
    when = [
        {"question": "a", "operator": "=", "answerBoolean": True},
        {"question": "b", "operator": "=", "answerBoolean": True},
    ]
    made = form(
        item("a", "boolean"),
        item("b", "boolean", enableWhen=[when[0]]),
        item("any", "string", enableWhen=when, enableBehavior="any"),
        item("all", "string", enableWhen=when, enableBehavior="all"),
        item("x", "string", enableWhen=[{"question": "y", "operator": "exists", "answerBoolean": False}]),
        item("y", "string", enableWhen=[{"question": "x", "operator": "exists", "answerBoolean": False}]),
    )

    def asked(answers) -> set[str]:
        enabling = Enabling(made, answers)
        return {one.link_id for one in made.items if enabling.asked((), one)} - {"x", "y"}

    answers = begun(made)
    assert asked(answers) == {"a"}
    answers = set_values(made, answers, (), "a", (yes(),))
    assert asked(answers) == {"a", "b", "any"}
    answers = set_values(made, answers, (), "b", (yes(),))
    assert asked(answers) == {"a", "b", "any", "all"}
    hidden = set_values(made, answers, (), "a", (yes(False),))
    assert asked(hidden) == {"a"}  # b's yes no longer counts
    assert values_of(hidden, (), "b") == (yes(),)  # but it is not lost while the form is open
    sent = finished(made, hidden, Enabling(made, hidden), Status.COMPLETED, NOW, "en")
    assert [row["linkId"] for row in document_of(sent)["item"]] == ["a"]


def test_a_condition_in_a_repeating_group_looks_into_its_own_repetition() -> None:
    pain = item("where", "string", enableWhen=[{"question": "hurts", "operator": "=", "answerBoolean": True}])
    made = form(item("joint", "group", item("hurts", "boolean"), pain, repeats=True))
    answers = add_row(made, begun(made), (), "joint")
    answers = set_values(made, answers, (("joint", 1),), "hurts", (yes(),))
    kinds = [
        (spot.parent, spot.item.link_id) for spot in pages(Filled(made, answers)) if spot.kind is not PageKind.SUMMARY
    ]
    assert kinds == [
        ((("joint", 0),), "hurts"), ((("joint", 1),), "hurts"), ((("joint", 1),), "where"), ((), "joint"),
    ]  # fmt: skip
    fewer = remove_row(made, answers, (), "joint", 0)
    assert len(rows_of(fewer, (), "joint")) == 1
    assert values_of(fewer, (("joint", 0),), "hurts") == (yes(),)


def test_what_is_nested_under_an_answer_stays_with_it() -> None:
    options = [coding("a"), coding("b")]
    made = form(item("which", "choice", item("since", "date"), answerOption=options, repeats=True))
    answers = set_values(made, begun(made), (), "which", (code("a"), code("b")))
    answers = set_values(made, answers, (("which", 1),), "since", (Value("valueDate", "2026"),))
    turned = set_values(made, answers, (), "which", (code("b"),))
    assert values_of(turned, (("which", 0),), "since") == (Value("valueDate", "2026"),)


BOUNDED = form(
    item("must", "string", required=True, maxLength=5, ext=[extension(f"{EXT}minLength", valueInteger=2)]),
    item("n", "decimal", ext=[
        extension(f"{EXT}minValue", valueDecimal=1), extension(f"{EXT}maxValue", valueDecimal=9),
        extension(f"{EXT}maxDecimalPlaces", valueInteger=1),
    ]),
    item("two", "string", repeats=True, ext=[
        extension(f"{EXT}questionnaire-minOccurs", valueInteger=2), extension(f"{EXT}questionnaire-maxOccurs", valueInteger=3),  # noqa: E501
    ]),
    item("none", "choice", repeats=True, answerOption=[
        coding("a"), coding("b"), {**coding("none"), "extension": [extension(f"{EXT}questionnaire-optionExclusive", valueBoolean=True)]},  # noqa: E501
    ]),
    item("day", "date"),
    item("kg", "quantity", ext=[
        extension(f"{EXT}questionnaire-unitOption", valueCoding={"code": "kg", "display": "kilograms"}),
        extension(f"{SDC}maxQuantity", valueQuantity={"value": 400, "unit": "kg", "code": "kg"}),
    ]),
    item("file", "attachment", ext=[extension(f"{EXT}maxSize", valueDecimal=1), extension(f"{EXT}mimeType", valueCode="image/*")]),  # noqa: E501
)  # fmt: skip


@pytest.mark.parametrize(
    ("link_id", "values", "expected"),
    [
        ("must", (), [Wrong.MISSING]),
        ("must", (text("a"),), [Wrong.TOO_SHORT]),
        ("must", (text("abcdef"),), [Wrong.TOO_LONG]),
        ("n", (decimal("0.5"),), [Wrong.TOO_SMALL]),
        ("n", (decimal("9.01"),), [Wrong.TOO_LARGE, Wrong.TOO_FINE]),
        ("n", (whole(1), whole(2)), [Wrong.TOO_MANY]),
        ("two", (text("a"),), [Wrong.TOO_FEW]),
        ("two", (text("a"),) * 4, [Wrong.TOO_MANY]),
        ("none", (code("a"), code("none")), [Wrong.ALONE]),
        ("none", (code("c"),), [Wrong.NOT_AN_OPTION]),
        ("day", (Value("valueDate", "2026-02-30"),), [Wrong.NO_DATE]),
        ("day", (Value("valueDate", "2024-02-29"),), []),
        ("kg", (Value("valueQuantity", {"value": 401, **KG}),), [Wrong.TOO_LARGE]),
        ("kg", (Value("valueQuantity", {"value": 4, "unit": "lb"}),), [Wrong.OTHER_UNIT]),
        ("file", (Value("valueAttachment", {"contentType": "image/png", "size": 2_000_000}),), [Wrong.FILE_TOO_LARGE]),
        ("file", (Value("valueAttachment", {"contentType": "text/plain", "size": 1}),), [Wrong.OTHER_FILE]),
    ],
)
def test_what_breaks_a_bound(link_id, values, expected) -> None:
    answers = set_values(BOUNDED, begun(BOUNDED), (), "must", (text("abc"),))
    answers = set_values(BOUNDED, answers, (), link_id, values)
    assert wrong(BOUNDED, answers) == [(link_id, one) for one in expected]


def test_value_sets_contained_and_beside_and_what_is_not_at_hand() -> None:
    contained = [
        {"resourceType": "ValueSet", "id": "v", "status": "active", "compose": {
            "include": [{"system": "urn:s"}, {"system": "urn:t", "concept": [{"code": "t1", "display": "One", "designation": [  # noqa: E501
                {"language": "de", "value": "Eins"}]}]}],
            "exclude": [{"system": "urn:s", "concept": [{"code": "s2"}]}],
        }},
        {"resourceType": "CodeSystem", "id": "c", "url": "urn:s", "status": "active", "content": "complete",
         "concept": [{"code": "s1", "concept": [{"code": "s2"}, {"code": "s3"}]}]},
    ]  # fmt: skip
    made = form(
        item("here", "choice", answerValueSet="#v"),
        item("gone", "choice", answerValueSet="http://nowhere.example/vs"),
        item("open", "open-choice", answerValueSet="http://nowhere.example/vs"),
        contained=contained,
    )
    assert [option.value.data["code"] for option in made.by_id["here"].options] == ["s1", "s3", "t1"]
    assert made.by_id["here"].options[2].words.said("de-CH") == "Eins"
    assert made.by_id["gone"].unsupported is Unsupported.NO_OPTIONS
    assert made.by_id["open"].unsupported is None


def test_the_persons_language_and_english_where_it_is_not_there() -> None:
    words = Words("Schmerz", {"en": "Pain", "es-MX": "Dolor"}, "de")
    assert [words.said(tag) for tag in ("de-AT", "es", "es-ES", "fr", "")] == [
        "Schmerz",
        "Dolor",
        "Dolor",
        "Pain",
        "Pain",
    ]
    assert Words("Pain").said("fr") == "Pain"


def test_values_are_worked_out_in_a_chain_and_an_expression_turns_items_on(evaluator) -> None:
    made = form(
        item("kg", "decimal"),
        item("m", "decimal"),
        item("bmi", "decimal", readOnly=True, ext=[fhirpath(f"{SDC}calculatedExpression", "(%w / (%h * %h)).round(1)")]),  # noqa: E501
        item("high", "boolean", readOnly=True, ext=[
            fhirpath(f"{SDC}calculatedExpression", "%resource.item.where(linkId='bmi').answer.value > 30")]),
        item("why", "string", ext=[
            fhirpath(f"{SDC}enableWhenExpression", "%resource.item.where(linkId='high').answer.value = true")]),
        item("day", "date", ext=[fhirpath(f"{SDC}initialExpression", "today()")]),
        item("name", "string", ext=[fhirpath(f"{SDC}initialExpression", "%patient.name.first().given.first()")]),
        item("bad", "string", ext=[fhirpath(f"{SDC}calculatedExpression", "nonsense((")]),
        extension=[
            fhirpath(f"{EXT}variable", "item.where(linkId='kg').answer.value", "w"),
            fhirpath(f"{EXT}variable", "item.where(linkId='m').answer.value", "h"),
        ],
    )  # fmt: skip
    filled = start(made, begun(made), evaluator)
    assert filled.failed == {"bad"}
    assert len(values_of(filled.answers, (), "day")) == 1
    assert not filled.enabling().asked((), made.by_id["why"])
    answers = set_values(made, filled.answers, (), "kg", (decimal("100.0"),))
    answers = set_values(made, answers, (), "m", (decimal("1.75"),))
    filled = recalculate(made, answers, evaluator)
    assert values_of(filled.answers, (), "bmi") == (Value("valueDecimal", Decimal("32.7")),)
    assert values_of(filled.answers, (), "high") == (yes(),)
    assert filled.enabling().asked((), made.by_id["why"])
    assert b"32.7" in write_response(filled.answers)


def test_scores_of_options_are_added_up(evaluator) -> None:
    scored = [{**coding(f"s{n}"), "extension": [extension(f"{EXT}ordinalValue", valueDecimal=n)]} for n in range(4)]
    total = "%resource.repeat(item).where(linkId.startsWith('q')).answer.value.ordinal().sum()"
    questions = [item(f"q{n}", "choice", answerOption=scored) for n in range(9)]
    sum_item = item("sum", "integer", ext=[fhirpath(f"{SDC}calculatedExpression", total)])
    made = form(item("g", "group", *questions, sum_item))
    answers = begun(made)
    for n in range(9):
        answers = set_values(made, answers, (("g", 0),), f"q{n}", (made.by_id["q0"].options[3].value,))
    filled = recalculate(made, answers, evaluator)
    assert values_of(filled.answers, (("g", 0),), "sum") == (whole(27),)


@pytest.mark.parametrize(
    ("hostile", "why"),
    [
        ("(1|2|3).repeat($this + 1)", "too long"),
        ("'" + "a" * 40 + "!'.matches('(a+)+$')", "too long"),
        ("(((", ""),
        ("%resource.nothing(1)", ""),
        ("1" * 5000, "too long a text"),
        ("'" + "x" * 3000 + "'.replace('x', '" + "y" * 900 + "')", "too large"),
    ],
)
def test_a_hostile_expression_ends_and_harms_nothing(evaluator, hostile, why) -> None:
    with pytest.raises(ExpressionFailed) as caught:
        evaluator.evaluate(hostile, Scope())
    assert str(caught.value).startswith(why)
    assert evaluator.evaluate("1 + 1", Scope()) == [2]


def test_an_expression_that_failed_is_not_tried_again(evaluator) -> None:
    said = []
    for _ in range(2):
        with pytest.raises(ExpressionFailed) as caught:
            evaluator.evaluate("((( ", Scope())
        said.append(str(caught.value))
    assert said[0] != "it failed before"
    assert said[1] == "it failed before"


def test_a_finished_response_keeps_unsupported_items_and_the_words_that_were_read() -> None:
    made = form(
        item("g", "group", item("who", "reference"), item("q", "string"), item("d", "display"), item("e", "string"))
    )
    answers = set_values(made, begun(made), (("g", 0),), "q", (text("yes"),))
    sent = finished(made, answers, Enabling(made, answers), Status.AMENDED, NOW, "en")
    document = document_of(sent)
    assert document["status"] == "amended"
    assert document["questionnaire"] == "https://clinic.example/forms/test|1"
    assert document["authored"] == "2026-11-26T08:00:00+00:00"
    (group,) = document["item"]
    assert group["item"] == [
        {"linkId": "who", "text": "Question who"},
        {"linkId": "q", "text": "Question q", "answer": [{"valueString": "yes"}]},
    ]
    rows = answers_view(made, sent)
    assert [(row.question, row.answer, row.depth) for row in rows] == [
        ("Question g", "", 0), ("Question who", "", 1), ("Question q", "yes", 1),
    ]  # fmt: skip
    write_response(sent)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (Value("valueDate", "2026-12-24"), "24 December 2026"),
        (Value("valueDate", "2026-12"), "December 2026"),
        (Value("valueDate", "2026"), "2026"),
        (Value("valueDateTime", "2026-12-24T14:30:00+01:00"), "24 December 2026 at 14:30"),
        (Value("valueDate", "soon"), "soon"),
        (Value("valueBoolean", False), "No"),
        (Value("valueQuantity", {"value": Decimal("1.50"), "unit": "mg"}), "1.50 mg"),
        (Value("valueReference", {"reference": "Patient/1"}), "Patient/1"),
    ],
)
def test_answers_in_words(value, said) -> None:
    assert in_words(value) == said
