"""The clinic's forms in a draft: answers given again replace the earlier ones; a photo goes with its answer."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path

import numpy as np

from app.offline.forms.library import KIND, LIST, entry_of
from app.offline.photo_copy import SIDES, camera_copies
from app.offline.store import StoreCore
from app.presenters.answering import Answering
from app.presenters.form_views import FormInput
from app.presenters.photo_shot import Kept
from app.presenters.views import Page
from app.wire.forms import FormSet
from app.wire.signed import Context, sign
from tests.presenters.sending_kit import NOW, Sending, sending

SKIN = "http://clinic.example/forms/skin"


def form(url: str, version: str, *items: dict[str, object]) -> bytes:
    whole = {"resourceType": "Questionnaire", "status": "active", "url": url, "version": version, "title": url}
    return json.dumps({**whole, "item": items}).encode()


ITCH = {"linkId": "1", "type": "boolean", "text": "Does it itch?"}
PHOTO = {"linkId": "2", "type": "attachment", "text": "A photo?"}
ONE, TWO = form(SKIN, "1", ITCH), form(SKIN, "2", ITCH)
OTHER = form("http://clinic.example/forms/other", "1", ITCH)
PICTURE = form("http://clinic.example/forms/picture", "1", PHOTO)
FILES = {hashlib.sha256(data).hexdigest(): data for data in (ONE, TWO, OTHER, PICTURE)}


async def desk(at: Sending) -> Answering:
    """All of the forms are on the device."""
    entries = FormSet(version=1, issued_at=NOW, forms=tuple(map(entry_of, FILES.values())))
    signed = sign(entries, Context.FORMS, at.at.clinic.root).model_dump_json().encode()
    await at.at.store.call(StoreCore.put_documents, KIND, {LIST: signed, **FILES})
    made = Answering(at.around, at.drafting)
    await made.open()
    return made


async def opened(at: Sending, answering: Answering, data: bytes) -> None:
    answering.open_form(hashlib.sha256(data).hexdigest())
    await at.settled()
    assert at.page is Page.FORM


async def status(at: Sending, answering: Answering, data: bytes) -> str:
    """What is said of the response when the form was answered to the end."""
    await opened(at, answering, data)
    view = answering.view()
    answering.next_form(view.key, FormInput(chosen=("true",)))
    await at.settled()
    answering.finish_form()
    await at.settled()
    assert at.page is Page.SEND
    entry = entry_of(data)
    return json.loads(at.draft.forms[f"{entry.url}|{entry.form_version}"])["status"]


async def sent(at: Sending) -> str:
    at.drafting.send_draft("")
    await at.settled()
    return at.sent[-1]


def test_answers_to_the_same_questions_replace_those_that_were_sent(tmp_path: Path) -> None:
    async def run() -> None:
        async with sending(tmp_path) as at:
            answering = await desk(at)
            await at.begin()
            assert await status(at, answering, ONE) == "completed"
            first = await sent(at)
            await at.begin(amends=first)
            assert await status(at, answering, TWO) == "amended", "a newer version of them, too"
            assert await status(at, answering, OTHER) == "completed"
            second = await sent(at)
            await at.begin(amends=second)
            assert await status(at, answering, ONE) == "amended", "and when something was added between"
            assert await status(at, answering, OTHER) == "amended"
            await sent(at)
            await at.begin()
            assert await status(at, answering, ONE) == "completed", "a thing of its own"

    asyncio.run(run())


def test_a_photo_taken_out_of_the_answers_is_not_sent(tmp_path: Path) -> None:
    async def run() -> None:
        async with sending(tmp_path) as at:
            answering = await desk(at)
            await at.begin()
            await opened(at, answering, PICTURE)
            pixels = np.random.default_rng(1).integers(0, 255, (240, 320, 3), np.uint8)
            copies = await asyncio.to_thread(camera_copies, pixels, SIDES)
            sealed = await at.drafting.take(copies.original.data)
            key = answering.view().key
            answering.add_form_file(key)
            await at.settled()
            await answering.keep_photo(Kept(sealed, copies.copies[0], copies.thumbnail))
            assert answering.view().field.texts == ("Photo",)
            assert len(at.draft.parts) >= 2
            answering.remove_form_file(key, 0)
            await at.settled()
            assert answering.view().field.texts == ()
            assert at.draft.parts == ()
            answering.close_form()
            await at.settled()

    asyncio.run(run())
