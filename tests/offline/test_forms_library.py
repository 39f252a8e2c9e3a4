"""The clinic's signed list of forms on a device: fetched, checked, kept, used off line; roll-back refused."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from form_kit import VECTORS

from app.net.directory import RollBack
from app.net.errors import BadAnswer, Refused, Unreachable
from app.offline.draft import Draft
from app.offline.errors import TrustBroken
from app.offline.forms.errors import FormBroken, FormMissing
from app.offline.forms.library import KIND, LIST, Library, address_of, entry_of
from app.offline.purposes import Purpose
from app.offline.store import Store, StoreCore
from app.wire.errors import ErrorCode
from app.wire.forms import FormSet
from app.wire.signed import Context, sign

ROOT = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NOW = datetime(2026, 11, 26, tzinfo=UTC)
GCS = (VECTORS / "r4/Questionnaire-gcs.json").read_bytes()
BB = (VECTORS / "r4/Questionnaire-bb.json").read_bytes()
SET = b'{"resourceType":"ValueSet","url":"http://clinic.example/vs","status":"active","compose":{"include":[{"concept":[{"code":"a"}]}]}}'
ASKS = b'{"resourceType":"Questionnaire","status":"active","item":[{"linkId":"1","type":"choice","answerValueSet":"http://clinic.example/vs"}]}'


class Clinic:
    """What the service answers; `asked` counts by path."""

    def __init__(self) -> None:
        self.files, self.list, self.asked, self.cut = {}, None, [], ""

    def publish(self, version: int, *files: bytes, key=ROOT, context=Context.FORMS) -> None:
        self.files.update({hashlib.sha256(data).hexdigest(): data for data in files})
        whole = FormSet(version=version, issued_at=NOW, forms=tuple(entry_of(data) for data in files))
        self.list = sign(whole, context, key).model_dump_json().encode()

    async def request(self, method, path, *, max_bytes=0):
        self.asked.append(path)
        name = path.rsplit("/", 1)[-1]
        if self.cut and self.cut in path:
            raise Unreachable("cut")
        body = self.list if name == "forms" else self.files.get(name)
        if body is None:
            raise Refused(404, ErrorCode.NOT_FOUND)
        return httpx.Response(200, content=body)


def with_library(folder: Path, steps) -> None:
    async def go() -> None:
        store = await Store.open(folder / "store", bytes(32))
        try:
            await steps(Library(store, ROOT.public_key().public_bytes_raw()), Clinic(), store)
        finally:
            await store.close()

    asyncio.run(go())


def test_forms_are_fetched_once_and_used_off_line(tmp_path) -> None:
    async def steps(library, clinic, store) -> None:
        assert not await library.refresh(clinic)  # a clinic without forms
        clinic.publish(1, GCS, SET, ASKS)
        assert await library.refresh(clinic)
        assert not await library.refresh(clinic)
        assert len([path for path in clinic.asked if path != "/v1/forms"]) == 3
        offered = await library.offered()
        assert [(one.entry.title, one.here) for one in offered] == [
            ("Glasgow Coma Score", True),
            ("Questionnaire", True),
        ]
        form = await library.form(offered[1].entry.sha256)
        assert form.by_id["1"].options[0].value.data == {"code": "a"}  # the value set beside was used
        clinic.publish(2, BB)
        await library.refresh(clinic)
        assert set(await store.call(StoreCore.documents, KIND)) == {LIST, hashlib.sha256(BB).hexdigest()}
        with pytest.raises(FormMissing):
            await library.form(offered[0].entry.sha256)

    with_library(tmp_path, steps)


def test_what_a_draft_needs_stays_until_the_draft_goes(tmp_path) -> None:
    async def steps(library, clinic, store) -> None:
        clinic.publish(1, GCS, SET, ASKS)
        await library.refresh(clinic)
        gcs, asks = entry_of(GCS), entry_of(ASKS)
        answers = {address_of(asks): "{}"}
        draft = Draft(draft="d" * 16, purpose=Purpose.NEW_PROBLEM, created_at=NOW, changed_at=NOW, forms=answers)
        await store.call(StoreCore.save_draft, draft.draft, draft.to_body())
        clinic.publish(2, BB)
        await library.refresh(clinic, (address_of(gcs),))
        assert {one.entry.sha256 for one in await library.former()} == {gcs.sha256, asks.sha256}
        assert [one.entry.title for one in await library.offered()] == [entry_of(BB).title]
        assert (await library.form(gcs.sha256)).title.text == "Glasgow Coma Score"  # it is open on the screen
        await library.refresh(clinic)
        assert [one.entry.sha256 for one in await library.former()] == [asks.sha256]
        form = await library.form(asks.sha256)
        assert form.by_id["1"].options[0].value.data == {"code": "a"}, "its list of answers stays with it"
        await store.call(StoreCore.put_documents, KIND, {asks.sha256: BB})
        assert await library.former() == ()
        await store.call(StoreCore.save_draft, draft.draft, None)
        await library.refresh(clinic)
        assert set(await store.call(StoreCore.documents, KIND)) == {LIST, entry_of(BB).sha256}

    with_library(tmp_path, steps)


def test_a_cut_keeps_what_came_and_goes_on_there(tmp_path) -> None:
    async def steps(library, clinic, store) -> None:
        clinic.publish(1, GCS, BB)
        clinic.cut = hashlib.sha256(BB).hexdigest()
        with pytest.raises(Unreachable):
            await library.refresh(clinic)
        assert [one.here for one in await library.offered()] == [True, False]
        clinic.cut = ""
        assert await library.refresh(clinic)
        assert [one.here for one in await library.offered()] == [True, True]

    with_library(tmp_path, steps)


def test_a_service_that_lies_is_not_believed(tmp_path) -> None:
    async def steps(library, clinic, store) -> None:
        clinic.publish(2, GCS)
        await library.refresh(clinic)
        for version, files, error, given in (
            (1, (BB,), RollBack, {}),
            (2, (BB,), BadAnswer, {}),
            (3, (BB,), BadAnswer, {"key": Ed25519PrivateKey.generate()}),
            (3, (BB,), BadAnswer, {"context": Context.CARE_TEAM}),
        ):
            clinic.publish(version, *files, **given)
            with pytest.raises(error):
                await library.refresh(clinic)
            assert [one.entry.title for one in await library.offered()] == ["Glasgow Coma Score"]
        clinic.publish(3, BB)
        clinic.files[hashlib.sha256(BB).hexdigest()] = GCS
        with pytest.raises(BadAnswer):
            await library.refresh(clinic)
        assert [one.here for one in await library.offered()] == [False]

    with_library(tmp_path, steps)


def test_what_was_altered_on_the_disk_is_fetched_again_and_never_shown(tmp_path) -> None:
    async def steps(library, clinic, store) -> None:
        clinic.publish(1, GCS)
        await library.refresh(clinic)
        name = hashlib.sha256(GCS).hexdigest()
        await store.call(StoreCore.put_documents, KIND, {name: BB})
        with pytest.raises(FormMissing):
            await library.form(name)
        assert await library.refresh(clinic)
        assert (await library.form(name)).title.text == "Glasgow Coma Score"
        await store.call(StoreCore.put_documents, KIND, {LIST: b"{}"})
        with pytest.raises(TrustBroken):
            await library.form_set()

    with_library(tmp_path, steps)


def test_only_forms_and_lists_of_answers_go_on_the_list() -> None:
    with pytest.raises(FormBroken):
        entry_of(b'{"resourceType":"Patient"}')
    with pytest.raises(FormBroken):
        entry_of(b"%PDF-1.7")
    entry = entry_of(GCS)
    assert (entry.url, entry.size) == ("http://hl7.org/fhir/Questionnaire/gcs", len(GCS))
