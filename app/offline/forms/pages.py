"""A form as pages of one question each: which there are for one state of the answers, and where they lead. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from app.offline.forms.answers import Place, rows_of
from app.offline.forms.calculate import Filled
from app.offline.forms.enabling import Enabling, repetitions
from app.offline.forms.model import Item, ItemType

_TOGETHER = 4  # displays on one page, at most


class PageKind(StrEnum):
    QUESTION = "question"
    WORDS = "words"  # texts to read, no question
    REPEAT = "repeat"  # whether to add one more of a group
    SUMMARY = "summary"


@dataclass(frozen=True)
class Spot:
    """One page. `item` below `parent`; `before`: the displays to read above its question; `groups`: link ids and
    numbers of the groups around it. `key` stays the same while answers change."""

    kind: PageKind
    parent: Place = ()
    item: Item | None = None
    before: tuple[Item, ...] = ()

    @property
    def key(self) -> str:
        steps = [f"{link_id}#{n}" for link_id, n in self.parent]
        return "/".join([self.kind.value, *steps, self.item.link_id if self.item is not None else ""])


SUMMARY = Spot(PageKind.SUMMARY)


def pages(filled: Filled) -> tuple[Spot, ...]:
    """All pages in order; the summary is the last."""
    enabling = filled.enabling()
    made: list[Spot] = []
    waiting: list[tuple[Place, Item]] = []
    for spot in _spots(filled, filled.form.items, enabling, ()):
        if spot.item is not None and spot.item.type is ItemType.DISPLAY:
            waiting.append((spot.parent, spot.item))
            if len(waiting) == _TOGETHER:
                made.append(_words(waiting))
            continue
        if spot.kind is PageKind.QUESTION:
            made.append(Spot(spot.kind, spot.parent, spot.item, tuple(item for _, item in waiting)))
            waiting.clear()
            continue
        if waiting:
            made.append(_words(waiting))
        made.append(spot)
    if waiting:
        made.append(_words(waiting))
    return (*made, SUMMARY)


def _words(waiting: list[tuple[Place, Item]]) -> Spot:
    parent, item = waiting[0]
    spot = Spot(PageKind.WORDS, parent, item, tuple(one for _, one in waiting))
    waiting.clear()
    return spot


def _spots(filled: Filled, items: tuple[Item, ...], enabling: Enabling, parent: Place) -> Iterator[Spot]:
    for item in items:
        if item.hidden or not enabling.asked(parent, item):
            continue
        if item.type is not ItemType.GROUP or item.unsupported is not None:
            yield Spot(PageKind.QUESTION, parent, item)
        if item.unsupported is not None:
            continue
        for n in range(repetitions(item, filled.answers, parent)):
            yield from _spots(filled, item.items, enabling, (*parent, (item.link_id, n)))
        if item.type is ItemType.GROUP and item.repeats:
            yield Spot(PageKind.REPEAT, parent, item)


def after(there: tuple[Spot, ...], key: str, was: int) -> Spot:
    """The page after the one called `key`; where that has gone, the one that now stands at its place `was`."""
    at = number(there, key)
    return there[min(at + 1 if at is not None else was, len(there) - 1)]


def ahead_of(there: tuple[Spot, ...], key: str, was: int) -> Spot:
    """The page before the one called `key`."""
    at = number(there, key)
    return there[max((at if at is not None else was) - 1, 0)]


def number(there: tuple[Spot, ...], key: str) -> int | None:
    return next((n for n, spot in enumerate(there) if spot.key == key), None)


def numbered(filled: Filled, place: Place) -> tuple[tuple[Item, int, int], ...]:
    """The groups around a place: each with its number (from 1) and how many there are of it."""
    found = []
    for depth, (link_id, n) in enumerate(place):
        item = filled.form.by_id[link_id]
        if item.type is ItemType.GROUP:
            found.append((item, n + 1, max(len(rows_of(filled.answers, place[:depth], link_id)), 1)))
    return tuple(found)
