"""Drafts: what a person gathers for one purpose. Each part is sealed, written and synced when it is taken.

Every change is one transaction of the store; files are written before it and erased after it, so a sudden end at any
moment leaves the draft as it was before or after, and at most files that the next sweep takes away.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from app.offline import trust
from app.offline.draft import (
    MAX_DRAFTS,
    MAX_FORM_BYTES,
    MAX_FORMS,
    Draft,
    DraftGone,
    DraftPart,
    DraftUnreadable,
    TooManyDrafts,
    from_body,
    named,
)
from app.offline.draft_files import file_address, files_in, without_file
from app.offline.errors import OfflineError
from app.offline.files import all_or_none, erase_blob
from app.offline.finishing import Finishing, on_disk
from app.offline.life import Held
from app.offline.parts import Part, PartRefused, check_part
from app.offline.purposes import Purpose, Quick
from app.offline.readings import MAX_READINGS, Reading, checked
from app.offline.sealing import STREAM_FROM, SealedFile, pieces, seal_stream
from app.offline.store import DRAFT, Store, StoreCore
from app.offline.vault import SealedBytes, seal
from app.wire.intake import ManifestBlob, PartRole

T = TypeVar("T")


class DraftBook:
    """The drafts of a profile, on the I/O loop. When a method returns, what it did survives a power loss.

    All raise :class:`StoreFailed` or :class:`DiskFull`, and what names a draft :class:`DraftGone` or
    :class:`DraftUnreadable`; then nothing was changed.
    """

    def __init__(self, store: Store, blobs: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._store = store
        self._blobs = blobs
        self._clock = clock
        self._finishing = Finishing(store, blobs, clock)

    async def begin(
        self,
        purpose: Purpose | Quick,
        visit_id: str | None = None,
        amends: str | None = None,
        answers: str | None = None,
        waits: bool = False,
    ) -> Draft:
        """A new, empty one. `amends`: the submission it adds to; `answers`: the reply it answers;
        `waits`: see Draft."""
        now = self._clock()
        draft = Draft(
            draft=secrets.token_hex(16),
            purpose=purpose,
            created_at=now,
            changed_at=now,
            visit_id=visit_id,
            amends=amends,
            answers=answers,
            waits=waits,
        )
        await self._shielded(_begin, draft)
        return draft

    async def drafts(self) -> tuple[Draft, ...]:
        """All that can be read, oldest first; one of a newer version of the app is left alone."""
        return await self._store.call(_all)

    async def draft(self, draft: str) -> Draft:
        return await self._store.call(_read, draft)

    async def add_part(self, draft: str, part: Part) -> Draft:
        """As :meth:`add_parts`, of one."""
        return await self.add_parts(draft, [part])

    async def add_parts(self, draft: str, parts: Sequence[Part]) -> Draft:
        """Seals them to the care team and this device, writes and syncs them, all or none; returns the draft after.

        Parts that belong together (a copy, its thumbnail, its original) go in one call. Raises :class:`PartRefused`,
        :class:`NotEnrolled`, :class:`TrustBroken`, :class:`SealingFailed` or :class:`WriteFailed` beside those of the
        class. A large part is sealed in the limited child (`sealing.STREAM_FROM`).
        """
        return await self._seal_and_add(draft, parts, None)

    async def add_copies(self, draft: str, whole: str, parts: Sequence[Part]) -> Draft:
        """As :meth:`add_parts`: a copy and its thumbnail; the part `whole`, which is there already as CONTENT, becomes
        the copy's original in the same transaction. It is not sealed anew. ValueError when there is no such part.
        """
        return await self._seal_and_add(draft, parts, whole)

    async def _seal_and_add(self, draft: str, parts: Sequence[Part], whole: str | None) -> Draft:
        await self._store.call(_would_fit, draft, parts)  # before the work of sealing; looked at again after it
        sender = await self._store.call(trust.sender)
        made = list(zip(parts, await self._sealed(parts, sender.recipients), strict=True))
        # Shielded: a screen that goes away at this moment must not take the item with it.
        return await self._shielded(_add, self._blobs, draft, made, sender.care_team.version, self._clock(), whole)

    async def _sealed(self, parts: Sequence[Part], recipients: Sequence[str]) -> list[SealedBytes | SealedFile]:
        """On any error, and when it is cancelled, no file is left."""
        found: list[SealedBytes | SealedFile] = []
        with all_or_none(self._blobs) as written:
            for part in parts:
                if len(part.data) < STREAM_FROM:
                    found.append(await asyncio.to_thread(seal, part.data, recipients))
                    continue
                file = await seal_stream(pieces(part.data), recipients, self._blobs)
                written.append(file.name)
                found.append(file)
        return found

    async def remove_part(self, draft: str, blob: str) -> Draft:
        """Takes a part away, with those that belong to it and the answers that name it (their form is in progress
        again); one that is not there is well. Its file is erased."""
        return await self._shielded(_remove, self._blobs, draft, blob, self._clock())

    async def set_note(self, draft: str, note: str) -> Draft:
        """ValueError for one that is too long (`draft.MAX_TEXT`)."""
        return await self._set(draft, note=note)

    async def set_readings(self, draft: str, readings: Sequence[Reading]) -> Draft:
        """All of them. Raises ReadingRefused for one that cannot be, PartRefused for too many."""
        if len(readings) > MAX_READINGS:
            raise PartRefused(f"Up to {MAX_READINGS} readings can be sent at once.", f"{len(readings)} readings")
        for reading in readings:
            checked(reading)
        return await self._set(draft, readings=tuple(readings))

    async def set_answers(self, draft: str, form: str, response: str | None) -> Draft:
        """Answers so far (QuestionnaireResponse as JSON) under their form's canonical address; None: they go.

        A file that they named and no answer names any more was taken out, and goes with its answer.
        """
        return await self._shielded(_set_answers, self._blobs, draft, form, response, self._clock())

    async def add_answers(self, draft: str, form: str, response: str) -> Draft:
        """As :meth:`set_answers`, for answers from outside: PartRefused when there are some to this form already."""
        return await self._shielded(_set_answers, self._blobs, draft, form, response, self._clock(), True)

    async def set_urgent(self, draft: str, urgent: bool) -> Draft:
        return await self._set(draft, urgent=urgent)

    async def confirm(self, draft: str) -> Draft:
        """A person says that what was taken at one touch goes: it waits no longer."""
        return await self._set(draft, waits=False)

    async def discard(self, draft: str) -> None:
        """Throws it away with all its files; one that is gone is well."""
        await self._shielded(_discard, self._blobs, draft)

    async def finish(
        self,
        draft: str,
        sealed_again: Callable[[int, int], None] = lambda done, of: None,
        originals: Held = Held.UNTIL_ASKED,
    ) -> str:
        """Signs and seals what the draft holds and puts it in the outbox; returns the submission's id.

        Each original of a copy becomes a submission of its own, kept back as `originals` says; its id gives
        finishing.original_of.

        A draft that has become a submission already gives that id. Parts sealed to an older list of the care team are
        sealed anew before (`sealed_again` is told, on the loop). Raises, beside those of the class,
        :class:`DraftEmpty`, :class:`BlobMissing`, :class:`BlobAltered`, :class:`SealBroken`, :class:`NotEnrolled`,
        :class:`TrustBroken` or :class:`WriteFailed`: the draft stays.
        """
        return await self._finishing.finish(draft, sealed_again, originals)

    async def _set(self, draft: str, **values: object) -> Draft:
        return await self._shielded(_update, draft, values, self._clock())

    async def _shielded(self, function: Callable[..., T], *args: object) -> T:
        return await asyncio.shield(self._store.call(function, *args))


# In the store's thread, one job each: nothing comes between reading a draft and writing it.


def _begin(core: StoreCore, draft: Draft) -> Draft:
    if not isinstance(draft.purpose, Quick) and len(core.documents(DRAFT)) >= MAX_DRAFTS:
        raise TooManyDrafts
    _save(core, draft)
    return draft


def _all(core: StoreCore) -> tuple[Draft, ...]:
    found = []
    for name, body in core.documents(DRAFT).items():
        with contextlib.suppress(DraftUnreadable):
            if core.submission(name) is None:
                found.append(from_body(body))
    return tuple(sorted(found, key=lambda draft: (draft.created_at, draft.draft)))


def _read(core: StoreCore, draft: str) -> Draft:
    body = core.document(DRAFT, draft)
    if body is None or core.submission(draft) is not None:  # one whose undoing was cut off is a submission
        raise DraftGone(draft)
    return from_body(body)


def _save(core: StoreCore, draft: Draft) -> None:
    core.save_draft(draft.draft, draft.to_body(), draft.files)


def _would_fit(core: StoreCore, draft: str, parts: Sequence[Part]) -> None:
    found = _read(core, draft)
    blobs, held = {part.named.blob for part in found.parts} | {part.blob for part in parts}, found.held
    if len(blobs) != len(found.parts) + len(parts):
        raise ValueError("a part has the id of another one")
    for part in parts:
        held = check_part(part, held, blobs - {part.blob})


def _add(
    core: StoreCore,
    blobs: Path,
    draft: str,
    made: Sequence[tuple[Part, SealedBytes | SealedFile]],
    team: int,
    now: datetime,
    whole: str | None = None,
) -> Draft:
    """`whole`: see DraftBook.add_copies."""
    parts = list[DraftPart]()
    with all_or_none(blobs) as written:
        written.extend(sealed.name for _, sealed in made if isinstance(sealed, SealedFile))
        _would_fit(core, draft, [part for part, _ in made])
        before = _read(core, draft)
        for part, sealed in made:
            file, size = on_disk(blobs, sealed)
            if not isinstance(sealed, SealedFile):
                written.append(file)
            blob = named(part, sealed.sha256, sealed.clear_sha256)
            parts.append(DraftPart(named=blob, file=file, sealed_size=size, team=team))
    there = before.parts if whole is None else _as_original(before.parts, whole, parts)
    forms = before.forms
    if whole is not None:  # answers that named it name the copy, which goes with them
        copy = next(part.named.blob for part in parts if part.named.role is PartRole.COPY)
        forms = {form: text.replace(file_address(whole), file_address(copy)) for form, text in forms.items()}
    after = _changed(before, now, parts=(*there, *parts), forms=forms)
    try:
        _save(core, after)
    except BaseException:
        _undo(core, blobs, before, written)
        raise
    return after


def _as_original(there: Sequence[DraftPart], whole: str, added: Sequence[DraftPart]) -> tuple[DraftPart, ...]:
    (copy,) = (part for part in added if part.named.role is PartRole.COPY)
    (found,) = (part for part in there if part.named.blob == whole and part.named.role is PartRole.CONTENT)
    told = {"role": PartRole.ORIGINAL, "of": copy.named.blob}
    original = found.model_copy(update={"named": ManifestBlob.model_validate({**dict(found.named), **told})})
    return tuple(original if part == found else part for part in there)


def _undo(core: StoreCore, blobs: Path, before: Draft, written: Iterable[str]) -> None:
    """A commit that failed may yet have reached the disk: name the files no longer, erase them only after that.

    When even that fails the files stay; the sweep at the next start decides by what the store says.
    """
    with contextlib.suppress(OfflineError):
        _save(core, before)
        for name in written:
            erase_blob(blobs, name)


def _remove(core: StoreCore, blobs: Path, draft: str, blob: str, now: datetime) -> Draft:
    before = _read(core, draft)
    gone = [part for part in before.parts if blob in (part.named.blob, part.named.of)]
    if not gone:
        return before
    forms = {form: without_file(response, blob) for form, response in before.forms.items()}
    return _drop(core, blobs, _changed(before, now, forms=forms), gone)


def _drop(core: StoreCore, blobs: Path, draft: Draft, gone: Collection[DraftPart]) -> Draft:
    """Saves the draft without these parts; their files are erased after that."""
    after = _changed(draft, draft.changed_at, parts=tuple(part for part in draft.parts if part not in gone))
    _save(core, after)
    _erase(blobs, [part.file for part in gone])
    return after


def _discard(core: StoreCore, blobs: Path, draft: str) -> None:
    body = core.document(DRAFT, draft)
    if body is None:
        return
    files: Collection[str] = ()
    with contextlib.suppress(DraftUnreadable):
        files = from_body(body).files if core.submission(draft) is None else ()
    core.save_draft(draft, None)
    _erase(blobs, files)


def _erase(blobs: Path, files: Iterable[str]) -> None:
    """Files that no row names any more: one that stays is ciphertext, and the next sweep's."""
    for name in files:
        with contextlib.suppress(OfflineError):
            erase_blob(blobs, name)


def _update(core: StoreCore, draft: str, values: Mapping[str, object], now: datetime) -> Draft:
    after = _changed(_read(core, draft), now, **values)
    _save(core, after)
    return after


def _set_answers(
    core: StoreCore, blobs: Path, draft: str, form: str, response: str | None, now: datetime, fresh: bool = False
) -> Draft:
    """`fresh`: nothing is written over."""
    if response is not None and len(response.encode("utf-8", "replace")) > MAX_FORM_BYTES:
        raise PartRefused("These answers are too long to be sent.")
    before = _read(core, draft)
    if fresh and form in before.forms:
        raise PartRefused("There are answers to these questions already. Please take those away first.", form)
    forms = {name: text for name, text in before.forms.items() if name != form}
    if response is not None:
        forms[form] = response
    if len(forms) > MAX_FORMS:
        raise PartRefused(f"Answers to up to {MAX_FORMS} forms can be sent at once.", f"{len(forms)} forms")
    lost = files_in(before.forms.get(form, "")).difference(*map(files_in, forms.values()))
    gone = [part for part in before.parts if part.named.blob in lost or part.named.of in lost]
    return _drop(core, blobs, _changed(before, now, forms=forms), gone)


def _changed(before: Draft, now: datetime, **values: object) -> Draft:
    """Validated anew: pydantic's model_copy does not."""
    return Draft.model_validate({**dict(before), **values, "changed_at": now})
