"""Which items are asked: `enableWhen` with all its operators, `any` and `all` (R4 Questionnaire.item). Pure.

A condition's question is looked for from the item outwards: in a repeating group, first in the same repetition. The
answers of a question that is itself not asked count as none. A circle of conditions asks nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from app.offline.forms.answers import Answers, Place, given_of, rows_of, values_of
from app.offline.forms.model import Condition, Form, Item, Operator, Value
from app.offline.forms.values import compare, same

Spot = tuple[Place, str]
"""An item below a place."""

_NO_VERDICTS: Mapping[Spot, bool] = MappingProxyType({})

_ORDERS: dict[Operator, Callable[[int], bool]] = {
    Operator.GREATER: lambda order: order > 0,
    Operator.LESS: lambda order: order < 0,
    Operator.AT_LEAST: lambda order: order >= 0,
    Operator.AT_MOST: lambda order: order <= 0,
}


def holds(condition: Condition, values: tuple[Value, ...]) -> bool:
    """Whether a condition holds over the answers of its question.

    `!=` holds where no answer is equal, so also where there is none: the code system's own words in R4; for > < >= <=
    R4 says "at least no answer" where it means "at least one", as R5 says.
    """
    if condition.operator is Operator.EXISTS:
        return bool(values) is condition.answer.data
    if condition.operator is Operator.EQUAL:
        return any(same(value, condition.answer) for value in values)
    if condition.operator is Operator.UNEQUAL:
        return not any(same(value, condition.answer) for value in values)
    fits = _ORDERS[condition.operator]
    orders = (compare(value, condition.answer) for value in values)
    return any(order is not None and fits(order) for order in orders)


class Enabling:
    """Which items of a form are asked, for one state of the answers; each is worked out once.

    `verdicts`: what the enableWhenExpression of an item at a spot came to; one that is not there counts as true, so
    that an expression that fails hides no question.
    """

    def __init__(self, form: Form, answers: Answers, verdicts: Mapping[Spot, bool] = _NO_VERDICTS) -> None:
        self._form = form
        self._answers = answers
        self._verdicts = verdicts
        self._known: dict[Spot, bool] = {}
        self._asking: set[Spot] = set()

    def asked(self, parent: Place, item: Item) -> bool:
        """Whether an item below `parent` is enabled, and so is everything around it."""
        spot = (parent, item.link_id)
        found = self._known.get(spot)
        if found is None:
            if spot in self._asking:
                return False
            self._asking.add(spot)
            found = self._around(parent) and self._own(parent, item)
            self._asking.discard(spot)
            self._known[spot] = found
        return found

    def _around(self, parent: Place) -> bool:
        return not parent or self.asked(parent[:-1], self._form.by_id[parent[-1][0]])

    def _own(self, parent: Place, item: Item) -> bool:
        if not self._verdicts.get((parent, item.link_id), True):
            return False
        if not item.conditions:
            return True
        join = any if item.any_condition else all
        return join(holds(condition, self._answered(parent, condition.question)) for condition in item.conditions)

    def _answered(self, parent: Place, question: str) -> tuple[Value, ...]:
        path = self._form.paths.get(question)
        if path is None:
            return ()
        shared = 0
        while shared < min(len(parent), len(path) - 1) and parent[shared][0] == path[shared]:
            shared += 1
        return tuple(self._below(parent[:shared], path[shared:]))

    def _below(self, place: Place, path: tuple[str, ...]) -> list[Value]:
        link_id, rest = path[0], path[1:]
        if not rest:
            asked = self.asked(place, self._form.by_id[link_id])
            return list(values_of(self._answers, place, link_id)) if asked else []
        count = repetitions(self._form.by_id[link_id], self._answers, place)
        return [value for n in range(count) for value in self._below((*place, (link_id, n)), rest)]


def repetitions(item: Item, answers: Answers, parent: Place) -> int:
    """How often what is nested in an item is shown: once a repetition (one at least), or once an answer."""
    if item.question:
        return len(given_of(answers, parent, item.link_id))
    return max(len(rows_of(answers, parent, item.link_id)), 1)
