"""The passphrase's page, by the real presenters on real profiles: set, asked for, wrong, without, closed meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.offline.keys import KeyPlace
from app.offline.passphrase_source import PassphraseUnreadable
from app.presenters.views import Page
from app.wire.trust import Role
from tests.e2e.e2e_people import Person, person
from tests.offline.offline_kit import every_byte

GOOD, OTHER = "blue paper boat", "another passphrase"


class NoRing:
    """A machine whose key ring takes nothing."""

    def get_password(self, service: str, username: str, /) -> str | None:
        return None

    def set_password(self, service: str, username: str, password: str, /) -> None:
        raise OSError("no key ring")


@contextlib.asynccontextmanager
async def started(
    folder: Path, role: Role = Role.PATIENT, laid: Callable[[], str | None] = lambda: None
) -> AsyncIterator[Person[Any]]:
    """A window's presenter that is being started on a machine without a key ring."""
    who = person(role, folder)
    who.presenter.env = replace(who.presenter.env, ring=NoRing(), passphrase=laid)
    starting = asyncio.create_task(who.presenter.start())
    try:
        yield who
        await starting
    finally:
        await who.presenter.stop()
        await starting


@pytest.mark.parametrize("role", list(Role))
def test_set_once_and_asked_for_at_every_start(tmp_path: Path, role: Role, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def first() -> None:
        async with started(tmp_path / "p", role) as who:
            view = await who.until(lambda view: view.passphrase)
            assert (view.page, view.passphrase.choosing) == (Page.PASSPHRASE, True)
            assert "nobody can bring it back" in view.passphrase.hints[-1]
            who.presenter.choose_passphrase(GOOD, OTHER)
            await who.until(lambda view: "not the same" in view.passphrase.fault.text if view.passphrase.fault else 0)
            who.presenter.choose_passphrase("short", "short")
            await who.until(lambda view: "at least 8" in view.passphrase.fault.text)
            who.presenter.choose_passphrase("x" * 1001, "x" * 1001)
            await who.until(lambda view: "at most" in view.passphrase.fault.text)
            who.presenter.give_passphrase(GOOD)  # no answer to this question
            who.presenter.choose_passphrase(GOOD, GOOD)
            await who.until(lambda view: view.passphrase.checking)
            await who.until(lambda view: view.page is Page.ENROL and view.passphrase is None)
            assert who.presenter.account.key_place is KeyPlace.PASSPHRASE

    async def later() -> None:
        async with started(tmp_path / "p", role) as who:
            view = await who.until(lambda view: view.passphrase)
            assert not view.passphrase.choosing
            for number in range(2, 9):  # more often than any count would let
                who.presenter.give_passphrase(OTHER)
                view = await who.until(lambda view, n=number: view.passphrase.question == n)
                assert "not the right passphrase" in view.passphrase.fault.text
            who.presenter.go_without_passphrase()  # not offered here
            who.presenter.enrol("127.0.0.1:9", "1234")  # nor is anything else done
            who.presenter.give_passphrase(GOOD)
            await who.until(lambda view: view.page is Page.ENROL)
            assert all(GOOD not in repr(view) and OTHER not in repr(view) for view in who.views)

    asyncio.run(first(), debug=True)  # with debug, asyncio logs slow callbacks with their arguments
    asyncio.run(later(), debug=True)
    assert GOOD not in caplog.text
    assert OTHER not in caplog.text
    assert GOOD.encode() not in every_byte(tmp_path / "p")


def test_without_one_the_file_is_used_and_nobody_is_asked_again(tmp_path: Path) -> None:
    async def run() -> None:
        async with started(tmp_path / "p") as who:
            await who.until(lambda view: view.passphrase)
            who.presenter.go_without_passphrase()
            await who.until(lambda view: view.page is Page.ENROL)
            assert who.presenter.account.key_place is KeyPlace.KEY_FILE
        async with started(tmp_path / "p") as who:
            await who.until(lambda view: view.page is Page.ENROL)
            assert all(view.passphrase is None for view in who.views)

    asyncio.run(run())


def test_a_window_closed_at_the_question_decides_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        for _ in range(2):  # the second start asks for a new one again
            async with started(tmp_path / "p") as who:
                assert (await who.until(lambda view: view.passphrase)).passphrase.choosing
                await who.presenter.stop()
        assert sorted(path.name for path in (tmp_path / "p").iterdir()) == ["blobs", "lock"]

    asyncio.run(run())


def test_one_laid_ready_for_the_device_opens_it_unasked(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def unreadable() -> str:
        raise PassphraseUnreadable("gone")

    async def run() -> None:
        for _ in range(2):
            async with started(tmp_path / "p", laid=lambda: GOOD) as who:
                await who.until(lambda view: view.page is Page.ENROL)
                assert all(view.passphrase is None for view in who.views)
                assert who.presenter.account.key_place is KeyPlace.PASSPHRASE
        async with started(tmp_path / "p", laid=lambda: OTHER) as who:  # a person can still help
            await who.until(lambda view: view.passphrase and view.passphrase.fault)
            who.presenter.give_passphrase(GOOD)
            await who.until(lambda view: view.page is Page.ENROL)
        async with started(tmp_path / "p", laid=unreadable) as who:
            await who.until(lambda view: view.notice and "could not be read" in view.notice.text)
        assert "the profile does not open: gone" in caplog.text

    asyncio.run(run())
