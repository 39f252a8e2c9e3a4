"""The clinic's questionnaires on this device: the root's signed list and the definitions it names by SHA-256.

Kept as documents of the store (kind "form": the id "list" for the signed list, else a definition's SHA-256) and so
readable off line. A list older than the one kept is refused (roll-back); a definition counts only when its bytes have
the SHA-256 of the list, whenever it is read. A definition that the list no longer names stays while a draft holds
answers to it: they can be finished.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import httpx

from app.net.directory import RollBack
from app.net.errors import BadAnswer, Refused
from app.offline.draft import DraftUnreadable, from_body
from app.offline.errors import TrustBroken
from app.offline.forms.errors import FormBroken, FormMissing
from app.offline.forms.fhir_json import Json, JsonError, read_object
from app.offline.forms.model import Form
from app.offline.forms.read import read_form
from app.offline.store import DRAFT, Store, StoreCore
from app.wire import API
from app.wire.errors import ErrorCode
from app.wire.forms import MAX_FORM_BYTES, FormEntry, FormSet
from app.wire.signed import Context, SignatureError, Signed, verify

log = logging.getLogger(__name__)

KIND = "form"
LIST = "list"
_BESIDE = frozenset({"ValueSet", "CodeSystem"})
_NAMELESS = "urn:sha256:"


class Transport(Protocol):
    """The part of app.net.http.ClinicHttp that is used here."""

    async def request(self, method: str, path: str, *, max_bytes: int = ...) -> httpx.Response: ...


@dataclass(frozen=True)
class Offered:
    """A questionnaire of the list; `here`: its definition is on this device. `resource_type` of a kept one."""

    entry: FormEntry
    here: bool
    resource_type: str = "Questionnaire"


class Library:
    """All methods run on the I/O loop; each may raise OfflineError of the store."""

    def __init__(self, store: Store, root_key: bytes) -> None:
        self._store = store
        self._root_key = root_key

    async def refresh(self, http: Transport, in_use: Collection[str] = ()) -> bool:
        """Fetches the list and the definitions that are missing; True when anything changed. `in_use`: addresses
        (:func:`address_of`) of forms that are being answered, beside those that drafts hold answers to.

        Raises NetError: RollBack for an older list, BadAnswer for one that does not hold. What was kept stays.
        """
        known = await self.form_set()
        try:
            answer = await http.request("GET", f"{API}/forms", max_bytes=MAX_FORM_BYTES)
        except Refused as refused:
            if refused.code is ErrorCode.NOT_FOUND and known is None:
                return False  # the clinic has no forms
            raise
        signed, fresh = _checked(answer.content, self._root_key)
        if known is not None and fresh.version < known.version:
            raise RollBack(f"forms {fresh.version} after {known.version}")
        if known is not None and fresh.version == known.version and fresh != known:
            raise BadAnswer(f"two lists of forms have the version {fresh.version}")
        changed = known != fresh
        if changed:
            await self._store.call(StoreCore.put_documents, KIND, {LIST: signed.model_dump_json().encode()})
        fetched = await self._fetch_missing(http, fresh)
        await self._forget(fresh, in_use)
        return changed or fetched

    async def form_set(self) -> FormSet | None:
        """The list that is kept; None before the first. Raises :class:`TrustBroken` when it does not hold."""
        kept = await self._store.call(StoreCore.document, KIND, LIST)
        if kept is None:
            return None
        try:
            return _checked(kept, self._root_key)[1]
        except BadAnswer as exc:
            raise TrustBroken(exc.detail) from exc

    async def offered(self) -> tuple[Offered, ...]:
        """The questionnaires of the list, in its order; value sets and code systems beside are left out."""
        kept = await self._store.call(StoreCore.documents, KIND)
        found = []
        for entry in await self._entries():
            body = kept.get(entry.sha256)
            kind = _resource_type(body) if body is not None else "Questionnaire"
            if kind not in _BESIDE:
                found.append(Offered(entry, body is not None, kind))
        return tuple(found)

    async def former(self) -> tuple[Offered, ...]:
        """Questionnaires that the list no longer names, kept for a draft."""
        listed = {entry.sha256 for entry in await self._entries()}
        kept = await self._store.call(StoreCore.documents, KIND)
        return tuple(Offered(entry, True) for name, entry in _questionnaires(kept) if name not in listed)

    async def form(self, sha256: str) -> Form:
        """The questionnaire of that SHA-256, ready to be filled in. Raises :class:`FormMissing` or FormBroken."""
        listed = [entry.sha256 for entry in await self._entries()]
        kept = await self._store.call(StoreCore.documents, KIND)
        bodies = {name: body for name, body in kept.items() if hashlib.sha256(body).hexdigest() == name}
        wanted = bodies.get(sha256)
        if wanted is None:
            raise FormMissing(sha256)
        # Of two that stand for the same answers the last counts: the list's own.
        order = [*(name for name in bodies if name not in listed), *(name for name in listed if name in bodies)]
        return await asyncio.to_thread(_read, wanted, [bodies[name] for name in order if name != sha256])

    async def _entries(self) -> tuple[FormEntry, ...]:
        known = await self.form_set()
        return known.forms if known is not None else ()

    async def _fetch_missing(self, http: Transport, fresh: FormSet) -> bool:
        kept = await self._store.call(StoreCore.documents, KIND)
        changed = False
        for entry in fresh.forms:
            body = kept.get(entry.sha256)
            if body is not None and hashlib.sha256(body).hexdigest() == entry.sha256:
                continue
            answer = await http.request("GET", f"{API}/forms/{entry.sha256}", max_bytes=entry.size)
            if hashlib.sha256(answer.content).hexdigest() != entry.sha256:
                raise BadAnswer("a form is not the one that the list names")
            await self._store.call(StoreCore.put_documents, KIND, {entry.sha256: answer.content})
            changed = True
        return changed

    async def _forget(self, fresh: FormSet, in_use: Collection[str]) -> None:
        """Definitions that the list no longer names go, but for those that somebody is answering."""
        await self._store.call(_forget, fresh, frozenset(in_use))


def address_of(entry: FormEntry) -> str:
    """What a draft files the answers to this form under: its canonical address, or its SHA-256 where it has none."""
    if not entry.url:
        return _NAMELESS + entry.sha256
    return f"{entry.url}|{entry.form_version}" if entry.form_version else entry.url


def _forget(core: StoreCore, fresh: FormSet, in_use: Collection[str]) -> None:
    """In the store's thread. Lists of answers stay with the forms that may need them."""
    kept = core.documents(KIND)
    listed = {entry.sha256 for entry in fresh.forms}
    gone = {name: body for name, body in kept.items() if name not in (LIST, *listed)}
    here = {address_of(entry) for entry in fresh.forms}
    wanted = {*in_use, *_answered(core)} - here
    needed = {name for name, entry in _questionnaires(gone) if address_of(entry) in wanted}
    if needed:
        needed |= {name for name, body in gone.items() if _resource_type(body) in _BESIDE}
    forgotten = dict.fromkeys(name for name in gone if name not in needed)
    if forgotten:
        core.put_documents(KIND, forgotten)


def _answered(core: StoreCore) -> Iterator[str]:
    """The addresses of the forms that drafts hold answers to."""
    for body in core.documents(DRAFT).values():
        with contextlib.suppress(DraftUnreadable):
            yield from from_body(body).forms


def _questionnaires(kept: Mapping[str, bytes]) -> Iterator[tuple[str, FormEntry]]:
    """Name and entry of those among the kept documents that are what their name says."""
    for name, body in kept.items():
        if hashlib.sha256(body).hexdigest() == name and _resource_type(body) == "Questionnaire":
            yield name, _entry(body, read_object(body, MAX_FORM_BYTES))


def _checked(data: bytes, root_key: bytes) -> tuple[Signed, FormSet]:
    try:
        signed = Signed.model_validate_json(data)
        return signed, verify(signed, Context.FORMS, root_key, FormSet)
    except (SignatureError, ValueError) as exc:
        raise BadAnswer(f"the list of forms does not hold: {type(exc).__name__}") from exc


def _resource_type(body: bytes) -> str:
    try:
        return str(read_object(body, MAX_FORM_BYTES).get("resourceType", ""))
    except JsonError:
        return ""


def _read(body: bytes, others: list[bytes]) -> Form:
    beside: list[Json] = []
    for other in others:
        try:
            resource = read_object(other, MAX_FORM_BYTES)
        except JsonError as exc:
            log.warning("a kept form is no JSON: %s", exc)
            continue
        if resource.get("resourceType") in _BESIDE:
            beside.append(resource)
    return read_form(body, beside)


def entry_of(data: bytes) -> FormEntry:
    """The list's entry for a file: a Questionnaire, ValueSet or CodeSystem in FHIR JSON. Raises FormBroken."""
    try:
        document = read_object(data, MAX_FORM_BYTES)
    except JsonError as exc:
        raise FormBroken(str(exc)) from exc
    kind = document.get("resourceType")
    if kind == "Questionnaire":
        read_form(data)
    elif kind not in _BESIDE:
        raise FormBroken("no Questionnaire, ValueSet or CodeSystem")
    return _entry(data, document)


def _entry(data: bytes, document: Json) -> FormEntry:
    title = str(document.get("title") or document.get("name") or document.get("url") or "Questionnaire")
    return FormEntry(
        url=str(document.get("url", ""))[:500],
        form_version=str(document.get("version", ""))[:100],
        title=title[:300],
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
    )
