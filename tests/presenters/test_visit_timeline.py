"""The timeline of a visit: bounded in memory, written to the store once for what is new."""

import asyncio
from datetime import UTC, datetime, timedelta

from app.presenters.visit_timeline import VisitTimeline

START = datetime(2026, 11, 22, 14, 10, 5, tzinfo=UTC)


class ListedStore:
    def __init__(self):
        self.puts = []

    async def put(self, name, value):
        self.puts.append((name, value))


def noted(count):
    times = iter(START + timedelta(seconds=n) for n in range(count))
    timeline = VisitTimeline("visit00001", lambda: next(times))
    for n in range(count - 1):
        timeline.note(f"entry {n}")
    return timeline


def test_what_is_new_is_written_once_under_the_time_of_the_stay():
    timeline, store = noted(3), ListedStore()

    async def keep_twice_and_once_more():
        await timeline.keep(store)
        await timeline.keep(store)
        timeline.note("entry 2")
        await timeline.keep(store)

    asyncio.run(keep_twice_and_once_more())
    two = b"2026-11-22T14:10:05+00:00\tentry 0\n2026-11-22T14:10:06+00:00\tentry 1\n"
    name = "timeline/visit00001/20261122T141005"
    assert store.puts == [(name, two), (name, two + b"2026-11-22T14:10:07+00:00\tentry 2\n")]


def test_nothing_is_written_of_a_visit_in_which_nothing_happened():
    store = ListedStore()
    asyncio.run(noted(1).keep(store))
    assert store.puts == []


def test_the_last_five_hundred_entries_stay():
    entries = noted(504).entries
    assert (len(entries), entries[0].text, entries[-1].text) == (500, "entry 3", "entry 502")
