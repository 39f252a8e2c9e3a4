"""What a provider's device keeps of its review in the encrypted store: verified manifests, and answers not yet sent.

Kinds of documents: "inbox" (id: the submission; a Manifest whose seal and signature were checked when it came) and
"answer-draft" (id: the submission).
"""

from __future__ import annotations

import logging
from collections.abc import Collection

from pydantic import Field, ValidationError

from app.offline.store import Store, StoreCore
from app.wire.base import Id, WireModel
from app.wire.intake import Manifest

log = logging.getLogger(__name__)

INBOX = "inbox"
ANSWER_DRAFT = "answer-draft"
MAX_DRAFT_TEXT = 100_000
"""Far more than an answer may hold: what is too long to be sent is kept until the person has made it shorter."""


class AnswerDraft(WireModel):
    """An answer that is being written; `wants`: copies whose originals shall be asked for."""

    text: str = Field(default="", max_length=MAX_DRAFT_TEXT)
    wants: tuple[Id, ...] = Field(default=(), max_length=50)

    @property
    def empty(self) -> bool:
        return not (self.text or self.wants)


class ReviewNotes:
    """On the I/O loop; any method may raise StoreFailed or DiskFull."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def manifests(self) -> dict[str, Manifest]:
        """Submission -> what it holds, of all that were opened here. One that a newer app wrote is fetched anew."""
        found = {}
        for name, body in (await self._store.call(StoreCore.documents, INBOX)).items():
            try:
                found[name] = Manifest.model_validate_json(body)
            except ValidationError as exc:
                log.warning("a kept manifest does not read: %s faults", exc.error_count())
        return found

    async def keep_manifest(self, manifest: Manifest) -> None:
        body = manifest.model_dump_json().encode()
        await self._store.call(StoreCore.put_documents, INBOX, {manifest.submission: body})

    async def forget(self, submissions: Collection[str], answers: bool = True) -> None:
        """Of submissions that are no longer at the clinic. Without `answers`, what was begun for them stays."""
        if submissions:
            for kind in (INBOX, ANSWER_DRAFT) if answers else (INBOX,):
                await self._store.call(StoreCore.put_documents, kind, dict.fromkeys(submissions))

    async def begun(self) -> frozenset[str]:
        """The submissions whose answers are begun and not sent."""
        return frozenset(await self._store.call(StoreCore.documents, ANSWER_DRAFT))

    async def answer(self, submission: str) -> AnswerDraft:
        body = await self._store.call(StoreCore.document, ANSWER_DRAFT, submission)
        return AnswerDraft() if body is None else AnswerDraft.model_validate_json(body)

    async def keep_answer(self, submission: str, draft: AnswerDraft) -> None:
        body = None if draft.empty else draft.model_dump_json().encode()
        await self._store.call(StoreCore.put_documents, ANSWER_DRAFT, {submission: body})
