import asyncio

from hypothesis import given
from hypothesis import strategies as st

from app.presenters.refresh import Refresh


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_the_last_word_is_as_new_as_the_last_wish(pauses):
    """Answers take differently long; what is kept in the end is an answer begun after the last change."""

    async def run():
        world, kept, runs = 0, -1, 0

        async def work():
            nonlocal kept, runs
            runs += 1
            seen = world
            for _ in range(pauses[seen % len(pauses)] * 3):
                await asyncio.sleep(0)
            kept = seen

        refresh = Refresh(work)
        wishes = []
        for pause in pauses:
            world += 1
            wishes.append(asyncio.create_task(refresh()))
            for _ in range(pause):
                await asyncio.sleep(0)
        await asyncio.gather(*wishes)
        assert kept == world
        assert runs <= len(pauses)

    asyncio.run(run())


def test_an_error_reaches_who_asked_and_the_next_wish_is_met():
    async def run():
        outcomes = [OSError("no"), None, None]

        async def work():
            outcome = outcomes.pop(0)
            if outcome is not None:
                raise outcome

        refresh = Refresh(work)
        results = await asyncio.gather(refresh(), return_exceptions=True)
        assert [type(r) for r in results] == [OSError]
        await refresh()
        await refresh()
        assert outcomes == []

    asyncio.run(run())
