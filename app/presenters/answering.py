"""The clinic's forms in a draft: which there are, and filling one in; each answer is kept in the draft at once."""

from __future__ import annotations

import asyncio
import json
import locale
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from app.offline.answered import answered, questionnaire
from app.offline.draft import Draft
from app.offline.draft_files import file_address
from app.offline.earlier import earlier_answers
from app.offline.errors import OfflineError
from app.offline.forms.answers import Answers
from app.offline.forms.checks import Fault, Wrong, takes
from app.offline.forms.errors import ResponseBroken
from app.offline.forms.expressions import ChildEvaluator
from app.offline.forms.library import Library, Offered, address_of
from app.offline.forms.model import Form
from app.offline.forms.response import Status, read_response, write_response
from app.offline.from_file import Parts, as_asked, read_file
from app.offline.parts import CLIP, Part
from app.presenters.drafting import Drafting
from app.presenters.environment import command
from app.presenters.form_input import fault_sentence
from app.presenters.form_page import FormFile, FormFilling
from app.presenters.form_views import FileWay, FormInput, FormView
from app.presenters.photo_shot import Kept
from app.presenters.sending_around import SendingAround, done
from app.presenters.sending_views import AnsweredForm, ComposeView, OfferedForm
from app.presenters.views import Level, Page
from app.wire.intake import PartRole

EARLIER = "These are the answers that you have sent. Please change what is different now."
NOT_HERE = "The answers that you have sent are no longer on this computer. Please answer again."


class Answering:
    """Implements app.presenters.sending_views.AnsweringCommands."""

    def __init__(self, around: SendingAround, drafting: Drafting) -> None:
        self.loop = around.loop
        self._around = around
        self._drafting = drafting
        self._library: Library
        self._offered: tuple[Offered, ...] = ()
        self._former: tuple[Offered, ...] = ()
        """No longer the clinic's, and answered in a draft."""
        self._filling: FormFilling | None = None
        self._evaluator: ChildEvaluator | None = None
        self._file_for = self._record_for = self._form = ""
        self.record: Callable[[bool], None] | None = None
        """To the page on which a clip or a voice message is recorded; None: nothing can be."""
        drafting.unfinished = self._unfinished

    async def open(self) -> None:
        account = self._around.account()
        self._library = Library(account.store, account.clinic.root_key)
        await self._look()

    async def refresh(self) -> None:
        """The connection stands, or the clinic's list has changed. Raises NetError."""
        if await self._library.refresh(self._around.account().http, self._in_use()):
            await self._look()
            self._around.changed()

    def close(self) -> None:
        self._leave()

    # Commands

    @command
    def open_form(self, sha256: str) -> None:
        self._do(self._open(sha256))

    @command
    def resume_form(self, form: str) -> None:
        known = self._known().get(form)
        if known is not None:
            self._do(self._open(known.entry.sha256))

    @command
    def remove_form(self, form: str) -> None:
        draft = self._drafting.draft
        if draft is not None:
            self._do(self._drafting.change(self._drafting.book.set_answers(draft.draft, form, None)))

    @command
    def answer_form(self, key: str, given: FormInput) -> None:
        self._step(lambda filling: filling.answer(key, given))

    @command
    def next_form(self, key: str, given: FormInput) -> None:
        self._step(lambda filling: filling.next(key, given))

    @command
    def back_form(self, key: str, given: FormInput) -> None:
        self._step(lambda filling: filling.back(key, given))

    @command
    def jump_form(self, key: str) -> None:
        self._step(lambda filling: filling.jump(key))

    @command
    def add_form_row(self, key: str) -> None:
        self._step(lambda filling: filling.add_row(key))

    @command
    def remove_form_row(self, key: str, number: int) -> None:
        self._step(lambda filling: filling.remove_row(key, number))

    @command
    def add_form_file(self, key: str) -> None:
        if self._filling is not None:
            self._file_for = key
            self._do(self._around.take_photo())

    @command
    def choose_form_file(self, key: str, path: Path) -> None:
        self._step(lambda filling: self._choose_file(filling, key, path))

    @command
    def record_form_file(self, key: str, film: bool) -> None:
        if self._filling is not None and self.record is not None and self._filling.asks_for_files(key) is not None:
            self._record_for = key
            self.record(film)

    @command
    def remove_form_file(self, key: str, number: int) -> None:
        self._step(lambda filling: filling.remove_file(key, number))

    @command
    def finish_form(self) -> None:
        self._step(self._finish)

    @command
    def close_form(self) -> None:
        self._step(self._put_away)

    # State

    def view(self) -> FormView | None:
        if self._filling is None or self._around.page() is not Page.FORM:
            return None
        shown = self._filling.view()
        if shown.field is None or self.record is not None:
            return shown
        ways = tuple(way for way in shown.field.ways if way not in (FileWay.CLIP, FileWay.VOICE))
        return replace(shown, field=replace(shown.field, ways=ways))

    def added(self, compose: ComposeView, draft: Draft) -> ComposeView:
        """The draft's view with its forms, and those of the clinic that are not in it yet."""
        known = self._known()
        forms = tuple(
            AnsweredForm(form, self._title(form), _finished(response), form in known)
            for form, response in draft.forms.items()
        )
        here = (one.entry for one in self._offered if one.here and address_of(one.entry) not in draft.forms)
        more = tuple(OfferedForm(entry.sha256, entry.title) for entry in here)
        return replace(compose, forms=forms, offered=more)

    @property
    def filling(self) -> bool:
        """A form is being answered."""
        return self._filling is not None

    @property
    def wants_photo(self) -> bool:
        """A photo that is being taken is an answer."""
        return bool(self._file_for)

    async def keep_photo(self, kept: Kept | None) -> bool:
        """The photo page is done: the photo is an answer; None: it was cancelled. False: refused, which is said."""
        key = self._file_for
        if kept is not None:
            kept = await self._as_asked(key, kept)
        blob = await self._drafting.keep_photo(kept) if kept is not None else None
        if kept is not None and blob is None:
            return False
        self._file_for = ""
        draft = self._drafting.draft
        part = next((p.named for p in draft.parts if p.named.blob == blob), None) if draft is not None else None
        if part is not None and self._filling is not None:
            await self._filling.add_file(key, FormFile(file_address(part.blob), "Photo", part.media_type, part.size))
        return True

    async def keep_recording(self, part: Part) -> None:
        """What was recorded is a part of the draft already, and becomes an answer."""
        key, self._record_for = self._record_for, ""
        if self._filling is not None:
            title = "Clip" if part.media_type == CLIP else "Voice message"
            await self._filling.add_file(key, _file(part, title))

    # Work

    async def _as_asked(self, key: str, kept: Kept) -> Kept:
        """A photo's copy as JPEG, where the question takes that and no AVIF."""
        item = self._filling.asks_for_files(key) if self._filling is not None else None
        copy = kept.copy
        if item is None or copy is None:
            return kept
        light = Part(copy.data, "photo", copy.media_type, PartRole.COPY)
        (made,) = await asyncio.to_thread(as_asked, (light,), partial(takes, item))
        return replace(kept, copy=replace(copy, data=made.data, media_type=made.media_type))

    async def _choose_file(self, filling: FormFilling, key: str, path: Path) -> None:
        item, draft = filling.asks_for_files(key), self._drafting.draft
        if item is None or draft is None:
            return
        filling.wait(True)
        try:
            says = await self._add_file(filling, key, path, partial(takes, item), draft.draft)
        except OfflineError as exc:
            says = str(exc)
        finally:
            filling.wait(False)
        if says:
            self._around.say(f"{path.name}: {says}", Level.WARN)

    async def _add_file(
        self, filling: FormFilling, key: str, path: Path, fits: Callable[[str], bool], draft: str
    ) -> str:
        """Why it was not added, or nothing. Raises as read_file."""
        found = await asyncio.to_thread(read_file, path)
        parts = await asyncio.to_thread(as_asked, found.parts, fits) if isinstance(found, Parts) else ()
        main = next((part for part in parts if part.role in (PartRole.COPY, PartRole.CONTENT)), None)
        if main is None:
            return fault_sentence(Fault((), "", Wrong.OTHER_FILE))
        file = _file(main, path.name)
        if says := filling.refuses(key, file):
            return says
        if not await self._drafting.change(self._drafting.book.add_parts(draft, parts)):
            return self._drafting.says.text if self._drafting.says is not None else ""
        await filling.add_file(key, file)
        self._around.spawn(self._drafting.look(draft))
        return ""

    def _title(self, form: str) -> str:
        found = (one.entry.title for one in (*self._offered, *self._former) if address_of(one.entry) == form)
        return next(found, "") or "Answers to questions"

    def _known(self) -> dict[str, Offered]:
        """The forms that can be answered on this device, by their addresses; the clinic's own come before."""
        return {address_of(one.entry): one for one in (*self._former, *self._offered) if one.here}

    def _in_use(self) -> tuple[str, ...]:
        return (self._form,) if self._filling is not None else ()

    async def _look(self) -> None:
        self._offered, self._former = await self._library.offered(), await self._library.former()

    def _unfinished(self, draft: Draft) -> tuple[str, ...]:
        return tuple(self._title(form) for form, response in draft.forms.items() if not _finished(response))

    async def _open(self, sha256: str) -> None:
        draft = self._drafting.draft
        key = next((name for name, one in self._known().items() if one.entry.sha256 == sha256), "")
        if draft is None or not key:
            return
        form = await self._library.form(sha256)
        replaces = draft.amends is not None and questionnaire(key) in await self._around.account().store.call(
            answered, draft.amends
        )
        kept, fresh = draft.forms.get(key), key not in draft.forms
        if fresh and replaces:
            kept = await self._earlier(draft, key)
        if self._filling is not None:
            return  # pressed twice
        self._form = key
        self._evaluator = ChildEvaluator() if form.has_expressions else None
        self._filling = self._fill(form, key, draft.draft, kept, replaces)
        await self._filling.begin()
        self._around.go(Page.FORM)
        if fresh and replaces:
            self._around.say(EARLIER if kept is not None else NOT_HERE, Level.NOTE)
        self._around.changed()

    async def _earlier(self, draft: Draft, key: str) -> str | None:
        """What was answered to this form before, if it can still be opened here."""
        account = self._around.account()
        blobs, identity = account.profile.blobs, account.keys.identity
        found = await account.store.call(earlier_answers, blobs, identity, draft.amends or "", key)
        try:
            return _of_form(found, key) if found is not None else None
        except ResponseBroken:
            return None

    def _fill(self, form: Form, key: str, draft: str, kept: str | None, replaces: bool) -> FormFilling:

        async def keep(response: bytes) -> None:
            after = await self._drafting.book.set_answers(draft, key, response.decode())
            if self._drafting.draft is not None and self._drafting.draft.draft == draft:
                self._drafting.draft = after

        return FormFilling(
            form,
            changed=self._around.changed,
            keep=keep,
            finish=keep,
            now=self._around.wall,
            language=_language(),
            evaluator=self._evaluator,
            answers=_begun_again(kept) if kept is not None else None,
            amends=replaces,
        )

    async def _finish(self, filling: FormFilling) -> None:
        if await filling.finish():
            await self._put_away(filling)

    async def _put_away(self, filling: FormFilling) -> None:
        if self._filling is filling:
            self._leave()
            self._around.go(Page.SEND)
            self._around.changed()

    def _leave(self) -> None:
        evaluator, self._evaluator, self._filling = self._evaluator, None, None
        if evaluator is not None:
            evaluator.close()

    def _step(self, step: Callable[[FormFilling], Coroutine[Any, Any, None]]) -> None:
        if self._filling is not None:
            self._do(step(self._filling))

    def _do(self, work: Awaitable[object]) -> None:
        self._around.spawn(done(work))


def _file(part: Part, title: str) -> FormFile:
    return FormFile(file_address(part.blob), title, part.media_type, len(part.data))


def _of_form(response: str, key: str) -> str:
    """Answers that were sent, as ones to the form as it is now: begun, of today, and of this version of it."""
    sent = read_response(response.encode())
    rest = {name: value for name, value in sent.rest.items() if name not in ("authored", "id")}
    return write_response(replace(sent, rest={**rest, "questionnaire": key})).decode()


def _finished(response: str) -> bool:
    return json.loads(response).get("status") not in (None, Status.IN_PROGRESS.value)


def _begun_again(kept: str) -> Answers:
    """What was answered, to go on with: finished only when the person says so again."""
    answers = read_response(kept.encode())
    return replace(answers, rest={**answers.rest, "status": Status.IN_PROGRESS.value})


def _language() -> str:
    """Of this computer, as BCP 47 has it: "en", "es-MX"."""
    code = locale.getlocale()[0]
    return code.replace("_", "-") if code and code != "C" else "en"
