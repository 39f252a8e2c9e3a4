"""What a form works out by itself: initial values, calculated items, and which items an expression turns on.

The evaluator is given (app.offline.forms.expressions); all else is pure. Values go round until nothing changes, at
most :data:`ROUNDS` times, so that items which depend on each other in a circle come to rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType

from app.offline.forms.answers import Answers, Place, given_of, rows_below, set_values, values_of
from app.offline.forms.enabling import Enabling, Spot, repetitions
from app.offline.forms.expressions import Evaluator, ExpressionFailed, Scope
from app.offline.forms.fhir_json import Json
from app.offline.forms.model import Form, Item, ItemType, Value
from app.offline.forms.response import document_of

ROUNDS = 6
_MAX_SPOTS = 5000
_KEYS = {
    ItemType.BOOLEAN: "valueBoolean",
    ItemType.DECIMAL: "valueDecimal",
    ItemType.INTEGER: "valueInteger",
    ItemType.DATE: "valueDate",
    ItemType.DATE_TIME: "valueDateTime",
    ItemType.TIME: "valueTime",
    ItemType.STRING: "valueString",
    ItemType.TEXT: "valueString",
    ItemType.URL: "valueUri",
    ItemType.QUANTITY: "valueQuantity",
    ItemType.CHOICE: "valueCoding",
    ItemType.OPEN_CHOICE: "valueCoding",
}


@dataclass(frozen=True)
class Filled:
    """A form with its answers, all worked out. `failed`: link ids whose expression could not be evaluated."""

    form: Form
    answers: Answers
    verdicts: Mapping[Spot, bool] = field(default_factory=dict)
    failed: frozenset[str] = frozenset()

    def enabling(self) -> Enabling:
        return Enabling(self.form, self.answers, self.verdicts)


def start(form: Form, answers: Answers, evaluator: Evaluator | None) -> Filled:
    """A form newly begun: initial values where there is no answer yet, then :func:`recalculate`."""
    for parent, item in _spots(form, answers):
        if item.question and item.initial and not given_of(answers, parent, item.link_id):
            answers = set_values(form, answers, parent, item.link_id, item.initial)
    if evaluator is not None and form.has_expressions:
        answers = _initials(form, answers, evaluator)
    return recalculate(form, answers, evaluator)


def recalculate(form: Form, answers: Answers, evaluator: Evaluator | None) -> Filled:
    """After an answer has changed. Without an evaluator, or expressions, nothing is worked out."""
    if evaluator is None or not form.has_expressions:
        return Filled(form, answers)
    verdicts: dict[Spot, bool] = {}
    failed: set[str] = set()
    for _ in range(ROUNDS):
        before = (answers, dict(verdicts))
        answers = _round(_Round(form, answers, evaluator, failed), verdicts)
        if (answers, verdicts) == before:
            break
    return Filled(form, answers, MappingProxyType(verdicts), frozenset(failed))


class _Round:
    """One state of the answers, given to the evaluator."""

    def __init__(self, form: Form, answers: Answers, evaluator: Evaluator, failed: set[str]) -> None:
        self.form = form
        self.answers = answers
        self._evaluator = evaluator
        self._failed = failed
        evaluator.begin(document_of(answers), form.source, weights(form))

    def values(self, text: str, parent: Place, item: Item) -> Sequence[Json] | None:
        """What an expression of an item gives; None where it failed."""
        try:
            return self._evaluator.evaluate(text, self._scope(parent, item))
        except ExpressionFailed:
            self._failed.add(item.link_id)
            return None

    def _scope(self, parent: Place, item: Item) -> Scope:
        named = [(v.name, v.expression, ()) for v in self.form.variables]
        found: list[tuple[str, str, tuple[str | int, ...]]] = list(named)
        for depth in range(len(parent)):
            around = self.form.by_id[parent[depth][0]]
            focus = _focus(self.answers, parent[: depth + 1])
            found.extend((v.name, v.expression, focus) for v in around.variables)
        own = _focus(self.answers, (*parent, (item.link_id, 0)))
        found.extend((v.name, v.expression, own) for v in item.variables)
        return Scope(own, item.source, tuple(found))


def weights(form: Form) -> Mapping[str, Decimal]:
    """ "system|code" -> score, of all options that have one."""
    return {
        f"{option.value.data.get('system', '')}|{option.value.data.get('code', '')}": option.ordinal
        for item in form.by_id.values()
        for option in item.options
        if option.ordinal is not None and option.value.key == "valueCoding"
    }


def _round(state: _Round, verdicts: dict[Spot, bool]) -> Answers:
    answers = state.answers
    for parent, item in _spots(state.form, state.answers):
        if item.enable_expression:
            found = state.values(item.enable_expression, parent, item)
            if found is not None:
                verdicts[parent, item.link_id] = list(found) == [True]
        if item.calculated:
            found = state.values(item.calculated, parent, item)
            if found is not None:
                answers = _with(state.form, answers, parent, item, found)
    return answers


def _initials(form: Form, answers: Answers, evaluator: Evaluator) -> Answers:
    state = _Round(form, answers, evaluator, set())
    for parent, item in _spots(form, answers):
        if item.initial_expression and item.question and not given_of(answers, parent, item.link_id):
            found = state.values(item.initial_expression, parent, item)
            if found:
                answers = _with(form, answers, parent, item, found)
    return answers


def _with(form: Form, answers: Answers, parent: Place, item: Item, found: Sequence[Json]) -> Answers:
    values = tuple(value for data in found if (value := typed(item, data)) is not None)
    values = values if item.repeats else values[:1]
    return (
        answers
        if values == values_of(answers, parent, item.link_id)
        else set_values(form, answers, parent, item.link_id, values)
    )


def typed(item: Item, data: Json) -> Value | None:
    """What an expression gave, as an answer of the item's type; None when it is none."""
    key = _KEYS.get(item.type)
    if key is None or data is None:
        return None
    if key == "valueQuantity":
        return _quantity(item, data)
    if key == "valueCoding":
        return _coding(item, data)
    if key in ("valueDecimal", "valueInteger"):
        if not isinstance(data, int | Decimal) or isinstance(data, bool):
            return None
        return Value(key, data if key == "valueDecimal" else int(data))
    if key == "valueBoolean":
        return Value(key, data) if isinstance(data, bool) else None
    text = str(data)
    return Value(key, text.partition("T")[0] if key == "valueDate" else text) if text else None


def _quantity(item: Item, data: Json) -> Value | None:
    if isinstance(data, dict):
        return Value("valueQuantity", data) if "value" in data else None
    if not isinstance(data, int | Decimal) or isinstance(data, bool):
        return None
    return Value("valueQuantity", {"value": data, **unit_fields(item)})


def unit_fields(item: Item, n: int = 0) -> dict[str, Json]:
    """`unit`, `system` and `code` of a quantity in the item's nth unit; empty where it has none."""
    if n >= len(item.units):
        return {}
    unit = item.units[n]
    made = {"unit": unit.display, "system": unit.system, "code": unit.code}
    return {name: text for name, text in made.items() if text}


def _coding(item: Item, data: Json) -> Value | None:
    if isinstance(data, dict):
        return Value("valueCoding", data) if "code" in data or "display" in data else None
    match = [o.value for o in item.options if isinstance(o.value.data, dict) and o.value.data.get("code") == data]
    if match:
        return match[0]
    return Value("valueString", str(data)) if item.type is ItemType.OPEN_CHOICE else None


def _spots(form: Form, answers: Answers) -> Iterator[tuple[Place, Item]]:
    """Every item at every place where it stands, asked or not; bounded, since repetitions multiply."""
    left = _MAX_SPOTS
    for spot in _spots_below(form.items, answers, ()):
        yield spot
        left -= 1
        if left == 0:
            return


def _spots_below(items: tuple[Item, ...], answers: Answers, parent: Place) -> Iterator[tuple[Place, Item]]:
    for item in items:
        yield parent, item
        for n in range(repetitions(item, answers, parent)):
            yield from _spots_below(item.items, answers, (*parent, (item.link_id, n)))


def _focus(answers: Answers, place: Place) -> tuple[str | int, ...]:
    """The keys from the response's JSON to the row at a place; to as near as there is one."""
    keys: tuple[str | int, ...] = ()
    for depth, (link_id, n) in enumerate(place):
        rows = rows_below(answers, place[:depth])
        alike = [at for at, row in enumerate(rows) if row.link_id == link_id]
        if not alike:
            break
        if rows[alike[0]].given:
            keys = (*keys, "item", alike[0])
            if depth < len(place) - 1:
                keys = (*keys, "answer", n)
        else:
            keys = (*keys, "item", alike[min(n, len(alike) - 1)])
    return keys
