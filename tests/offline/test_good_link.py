"""A photo in full size that waits for a good link: it goes when the link is one, and not before."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.offline import courier
from app.offline.choices import load_choices
from app.offline.connectivity import Change
from app.offline.life import Held, Life
from app.offline.plan import Stage
from app.offline.remaining import Speed
from app.offline.standing import WaitingFor
from tests.offline.offline_service import Fault
from tests.offline.test_outbox_choices import kept, rewrite
from tests.offline.test_outbox_worker import Scene, play


async def waiting(s: Scene, size: int = 900) -> str:
    name = await s.take(size)
    await rewrite(s, name, "submissions SET life = 'held', held = 'until-good-link' WHERE id = ?")
    return name


def measured(s: Scene, rate: float) -> None:
    """The last upload went at `rate` bytes a second, just now."""
    s.worker._courier._sending.speed = Speed(60 * rate, 60.0, None, asyncio.get_running_loop().time())


def waits(s: Scene) -> bool:
    return bool(s.worker.snapshot()) and s.status().waiting_for is WaitingFor.GOOD_LINK


@pytest.mark.parametrize("better", ["measured", "another network"])
def test_on_a_slow_link_it_stays_and_on_a_good_one_it_goes(tmp_path: Path, better: str) -> None:
    async def scene(s: Scene) -> None:
        measured(s, 5_000.0)
        name = await waiting(s)
        s.worker.start()
        await s.until.holds(lambda: waits(s))
        other = await s.take(900)  # what else there is goes meanwhile
        s.worker.kick()
        await s.until.holds(
            lambda: any(x.submission == other and x.stage is Stage.RECEIVED for x in s.worker.snapshot())
        )
        assert set(s.service.submissions()) == {other}
        assert (await kept(s, name)).life is Life.HELD
        if better == "measured":
            measured(s, 2 * courier.GOOD_LINK_BYTES_S)
            s.worker.kick()
        else:
            s.worker.surroundings_changed(Change.NETWORK)
        await s.until.holds(lambda: all(x.stage is Stage.RECEIVED for x in s.worker.snapshot()))
        assert set(s.service.submissions()) == {other, name}

    play(tmp_path, scene)


def test_a_link_that_turns_out_slow_has_it_wait_on(tmp_path: Path) -> None:
    async def scene(s: Scene) -> None:
        name = await waiting(s, 150_000)
        s.service.faults = [Fault("PATCH", "stall", after=70_000)]
        s.worker.start()
        await s.service.stalled.wait()  # no speed was known: it is tried
        assert (await kept(s, name)).life is Life.FINISHED
        measured(s, 5_000.0)
        s.worker._courier.wake()  # as each word of the clinic does
        await s.until.holds(lambda: waits(s))
        assert (await kept(s, name)).life is Life.HELD
        measured(s, 2 * courier.GOOD_LINK_BYTES_S)
        s.worker.kick()
        await s.until.holds(lambda: s.status().stage is Stage.RECEIVED)

    play(tmp_path, scene)


def test_the_person_s_choice_is_kept_and_holds_for_what_is_here(tmp_path: Path) -> None:
    async def scene(s: Scene) -> None:
        await s.worker.set_originals(Held.UNTIL_GOOD_LINK)
        assert (await s.store.call(load_choices)).originals is Held.UNTIL_GOOD_LINK
        measured(s, 5_000.0)
        name = await waiting(s)
        s.worker.start()
        await s.until.holds(lambda: waits(s))
        await s.worker.hold_until(name, Held.UNTIL_ASKED)
        await s.until.holds(lambda: s.status().waiting_for is WaitingFor.HELD)
        await s.worker.set_link_metered(True)
        await s.worker.hold_until(name, Held.UNTIL_GOOD_LINK)
        measured(s, 2 * courier.GOOD_LINK_BYTES_S)
        s.worker.kick()
        await s.until.holds(lambda: waits(s))
        assert s.service.submissions() == {}, "a link that costs money is no good one"
        await s.worker.set_link_metered(False)
        await s.until.holds(lambda: s.status().stage is Stage.RECEIVED)

    play(tmp_path, scene)
