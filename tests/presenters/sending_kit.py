"""Drafting and what belongs to it over a real draft book, without a clinic: what is said and shown is written down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from app.offline.draft import Draft
from app.offline.life import Held
from app.offline.purposes import Purpose
from app.presenters.drafting import Drafting
from app.presenters.last_visit import PastVisit
from app.presenters.sending_around import SendingAround
from app.presenters.views import Page
from tests.offline.draft_kit import Desk, desk
from tests.presenters.tasks_kit import Tasks

NOW = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)


class Sending(Tasks):
    """`said` holds the notices; `settled` waits until all that was spawned is done."""

    def __init__(self, at: Desk) -> None:
        super().__init__()
        self.at, self.page, self.said = at, Page.HOME, list[str]()
        self.picked: list[Path] = []
        self.news = asyncio.Event()
        self.last_visit: PastVisit | None = None
        root_key = at.clinic.root.public_key().public_bytes_raw()
        account: Any = SimpleNamespace(
            store=at.store, profile=at.profile, keys=at.keys, clinic=SimpleNamespace(root_key=root_key)
        )
        self.around = SendingAround(
            loop=asyncio.get_running_loop(),
            account=lambda: account,
            say=lambda text, level: self.said.append(text),
            changed=self.news.set,
            spawn=self.spawn,
            page=lambda: self.page,
            go=self._go,
            kick=lambda: None,
            rate=lambda: None,
            wall=lambda: NOW,
            clock=lambda: 0.0,
            take_photo=self._photo,
            pick_photos=self._picked,
            originals=lambda: Held.UNTIL_ASKED,
            provider_name=lambda device: "",
            last_visit=lambda: self.last_visit,
        )
        self.drafting = Drafting(self.around)
        self.drafting.about_of = lambda draft: ""
        self.drafting.sent = self._sent
        self.sent: list[str] = []

    async def begin(self, purpose: Purpose = Purpose.NEW_PROBLEM, **given: Any) -> Draft:
        await self.drafting.begin(purpose, **given)
        return self.draft

    @property
    def draft(self) -> Draft:
        assert self.drafting.draft is not None
        return self.drafting.draft

    async def until(self, is_so: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not is_so():
                self.news.clear()
                await self.news.wait()

    def _go(self, page: Page) -> None:
        self.page = page

    async def _photo(self) -> None:
        """Somebody presses the shutter: the test does."""

    async def _picked(self, paths: Sequence[Path]) -> None:
        """Their size is chosen: the test does."""
        self.picked.extend(paths)

    async def _sent(self, submission: str) -> None:
        self.sent.append(submission)


@asynccontextmanager
async def sending(folder: Path) -> AsyncIterator[Sending]:
    async with desk(folder) as at:
        made = Sending(at)
        await made.drafting.open()
        yield made
        await made.settled()
