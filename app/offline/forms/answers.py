"""What was answered, as a tree of rows like a QuestionnaireResponse's: frozen; each change gives a new tree.

A place names one spot: steps of (link id, n) from the top. For a group, n is its nth repetition; for a question, its
nth answer, under which nested items stand. Everything that a response holds beside is kept in `rest`, untouched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from app.offline.forms.fhir_json import Json
from app.offline.forms.model import Form, Value

Place = tuple[tuple[str, int], ...]
TOP: Place = ()


@dataclass(frozen=True)
class Given:
    """One `answer`; `value` None where only nested items stand."""

    value: Value | None
    rows: tuple[Row, ...] = ()
    rest: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One `item` of a response."""

    link_id: str
    given: tuple[Given, ...] = ()
    rows: tuple[Row, ...] = ()
    rest: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Answers:
    """A whole response; `rest` holds what stands beside its items (status, subject, authored, ...)."""

    rows: tuple[Row, ...] = ()
    rest: Mapping[str, Json] = field(default_factory=dict)


def rows_below(answers: Answers, place: Place) -> tuple[Row, ...]:
    """The rows that stand at a place: the top's, a group's, or those under an answer; none where it is not there."""
    rows = answers.rows
    for link_id, n in place:
        rows = _below(rows, link_id, n)
    return rows


def _below(rows: tuple[Row, ...], link_id: str, n: int) -> tuple[Row, ...]:
    alike = [row for row in rows if row.link_id == link_id]
    if alike and alike[0].given:
        given = _all_given(alike)
        return given[n].rows if n < len(given) else ()
    return alike[n].rows if n < len(alike) else ()


def rows_of(answers: Answers, parent: Place, link_id: str) -> tuple[Row, ...]:
    """The rows of one item below `parent`: the repetitions of a group, the one row of a question."""
    return tuple(row for row in rows_below(answers, parent) if row.link_id == link_id)


def given_of(answers: Answers, parent: Place, link_id: str) -> tuple[Given, ...]:
    """What was answered to a question below `parent`."""
    return _all_given(rows_of(answers, parent, link_id))


def values_of(answers: Answers, parent: Place, link_id: str) -> tuple[Value, ...]:
    return tuple(given.value for given in given_of(answers, parent, link_id) if given.value is not None)


def set_values(form: Form, answers: Answers, parent: Place, link_id: str, values: tuple[Value, ...]) -> Answers:
    """Answers a question; what is nested under an answer stays with it (the same value first, else the same place)."""
    before = given_of(answers, parent, link_id)
    left = list(before)
    now = []
    for n, value in enumerate(values):
        kept = next((given for given in left if given.value == value), None)
        if kept is None and n < len(before) and before[n] in left and before[n].value not in values:
            kept = before[n]
        if kept is not None:
            left.remove(kept)
        now.append(replace(kept, value=value) if kept is not None else Given(value))
    rows = rows_of(answers, parent, link_id)
    row = replace(rows[0] if rows else Row(link_id), given=tuple(now))
    keep = bool(now) or bool(row.rows) or bool(row.rest)
    return _put(form, answers, parent, link_id, (row,) if keep else ())


def add_row(form: Form, answers: Answers, parent: Place, link_id: str) -> Answers:
    """One more repetition of a group."""
    rows = rows_of(answers, parent, link_id) or (Row(link_id),)  # the first stands on the screen before it has a row
    return _put(form, answers, parent, link_id, (*rows, Row(link_id)))


def remove_row(form: Form, answers: Answers, parent: Place, link_id: str, n: int) -> Answers:
    """Takes the nth repetition of a group away. Raises IndexError where there is none."""
    rows = list(rows_of(answers, parent, link_id))
    del rows[n]
    return _put(form, answers, parent, link_id, tuple(rows))


def walk(answers: Answers) -> Iterator[tuple[Place, Row]]:
    """All rows from the top down, each with the place of its parent."""
    yield from _walk(answers.rows, TOP)


def _walk(rows: tuple[Row, ...], parent: Place) -> Iterator[tuple[Place, Row]]:
    seen: dict[str, int] = {}
    for row in rows:
        yield parent, row
        first = seen.get(row.link_id, 0)
        for n, given in enumerate(row.given):
            yield from _walk(given.rows, (*parent, (row.link_id, first + n)))
        if not row.given:
            yield from _walk(row.rows, (*parent, (row.link_id, first)))
        seen[row.link_id] = first + max(len(row.given), 1)


def _all_given(rows: tuple[Row, ...] | list[Row]) -> tuple[Given, ...]:
    return tuple(given for row in rows for given in row.given)


def _put(form: Form, answers: Answers, parent: Place, link_id: str, rows: tuple[Row, ...]) -> Answers:
    """The rows of one item below `parent` replaced; rows stand in the order of the form (R4, 2.6.4.4)."""

    def change(there: tuple[Row, ...]) -> tuple[Row, ...]:
        others = [row for row in there if row.link_id != link_id]
        at = sum(1 for row in others if _order(form, row.link_id) < _order(form, link_id))
        return (*others[:at], *rows, *others[at:])

    return replace(answers, rows=_change(answers.rows, parent, change, form))


def _change(
    rows: tuple[Row, ...], place: Place, change: Callable[[tuple[Row, ...]], tuple[Row, ...]], form: Form
) -> tuple[Row, ...]:
    if not place:
        return change(rows)
    (link_id, n), rest = place[0], place[1:]
    alike = [row for row in rows if row.link_id == link_id]
    if form.by_id[link_id].question:
        row = alike[0] if alike else Row(link_id)
        given = list(row.given)
        if n >= len(given):
            raise IndexError("there is no such answer")
        given[n] = replace(given[n], rows=_change(given[n].rows, rest, change, form))
        changed = [replace(row, given=tuple(given)), *alike[1:]]
    else:
        changed = alike or [Row(link_id)]
        changed[n] = replace(changed[n], rows=_change(changed[n].rows, rest, change, form))
    others = [row for row in rows if row.link_id != link_id]
    at = sum(1 for row in others if _order(form, row.link_id) < _order(form, link_id))
    return (*others[:at], *changed, *others[at:])


def _order(form: Form, link_id: str) -> int:
    return form.order.get(link_id, len(form.order))
