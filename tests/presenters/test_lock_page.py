"""Setting a passphrase later and changing it, by the real presenter on a real profile, over restarts."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from app.offline.keys import KeyPlace
from app.presenters.views import Level, Page
from tests.e2e.e2e_people import Person
from tests.offline.offline_kit import every_byte
from tests.offline.test_passphrase_change import quick_argon  # noqa: F401 - a fixture of this module, too
from tests.presenters.test_passphrase_page import started

OLD, NEW, WRONG = "blue paper boat", "another passphrase", "no such passphrase"


def test_set_later_then_changed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def run() -> None:
        async with started(tmp_path / "p") as who:
            await who.until(lambda view: view.passphrase)
            who.presenter.go_without_passphrase()
            await who.until(lambda view: view.page is Page.ENROL)
            assert who.view.lock is None  # nothing is offered before the device has a clinic
            pretend_enrolled(who)
            who.presenter._say_weak_key()
            who.presenter._page = Page.HOME
            who.presenter.changed()
            assert who.view.lock.in_notice
            assert not who.view.lock.changing
            await set_it(who)
            await change_it(who)
        async with started(tmp_path / "p") as who:
            await who.until(lambda view: view.passphrase)
            who.presenter.give_passphrase(OLD)
            await who.until(lambda view: view.passphrase.fault)
            who.presenter.give_passphrase(NEW)
            await who.until(lambda view: view.page is Page.ENROL)
            assert who.presenter.account.key_place is KeyPlace.PASSPHRASE

    asyncio.run(run(), debug=True)
    for typed in (OLD, NEW, WRONG):
        assert typed not in caplog.text
        assert typed.encode() not in every_byte(tmp_path / "p")


async def set_it(who: Person) -> None:
    who.presenter.set_passphrase("", OLD, OLD)  # not before the page is open
    who.presenter.open_lock()
    view = await who.until(lambda view: view.page is Page.LOCK)
    assert view.notice is None
    assert "nobody can bring it back" in view.lock.hints[-1]
    who.presenter.set_passphrase("", OLD, WRONG)
    await who.until(lambda view: view.lock.fault and "not the same" in view.lock.fault.text)
    who.presenter.set_passphrase("", "short", "short")
    await who.until(lambda view: "at least 8" in view.lock.fault.text)
    who.presenter.close_lock()
    await who.until(lambda view: view.page is Page.HOME and not view.lock.changing)
    who.presenter.open_lock()
    await who.until(lambda view: view.page is Page.LOCK and view.lock.fault is None)
    who.presenter.set_passphrase("", OLD, OLD)
    await who.until(lambda view: view.lock.checking)
    who.presenter.close_lock()  # not in the middle
    view = await who.until(lambda view: view.page is Page.HOME)
    assert (view.notice.level, view.lock.changing, view.lock.says) == (Level.GOOD, True, None)
    assert not (who.presenter.folder / "store.key").exists()


async def change_it(who: Person) -> None:
    who.presenter.open_lock()
    await who.until(lambda view: view.page is Page.LOCK)
    who.presenter.set_passphrase(OLD, OLD, OLD)
    await who.until(lambda view: view.lock.fault and "another" in view.lock.fault.text)
    number = who.view.lock.number
    for times in (1, 2, 3):
        who.presenter.set_passphrase(WRONG, NEW, NEW)
        view = await who.until(lambda view, n=number + times: view.lock.number == n)
        assert ("3 times" in view.lock.fault.text) is (times == 3)
        assert "Nothing was changed" in view.lock.fault.text
    who.presenter.set_passphrase(OLD, NEW, NEW)
    view = await who.until(lambda view: view.page is Page.HOME)
    assert "is changed" in view.notice.text
    assert all(typed not in repr(view) for view in who.views for typed in (OLD, NEW, WRONG))


def pretend_enrolled(who: Person) -> None:
    """No clinic is needed: only that the account has one counts here."""
    who.presenter.account._clinic = object()
