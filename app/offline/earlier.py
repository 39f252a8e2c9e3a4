"""Answers that were sent before, from what of them is still on this disk: a start for who gives them again.

After the clinic's receipt a sealed file is erased and nothing of the answers is kept here (see answered.py): then
there is no start. Until then the device opens its own copy. Blocks: call it in the store's thread.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path

from app.offline.age import AgeError, AgeIdentity
from app.offline.answered import questionnaire
from app.offline.draft_files import files_in, without_file
from app.offline.forms.fhir_json import JsonError, read_object
from app.offline.life import Life
from app.offline.outbox import OutboxSubmission
from app.offline.store import StoreCore
from app.offline.transfer import GONE, OutboxBlob
from app.wire.forms import MAX_FORM_BYTES
from app.wire.intake import PartRole

log = logging.getLogger(__name__)

_MOST_AMENDED = 100
_MOST_SEALED = 2 * MAX_FORM_BYTES


def earlier_answers(core: StoreCore, blobs: Path, identity: AgeIdentity, submission: str, form: str) -> str | None:
    """The newest QuestionnaireResponse (JSON) to `form` (its address) in `submission` and what it belongs with.

    Without the files that it named, which are no part of another draft. None when it is not here, or does not open.
    """
    for one in _family(core, submission):
        for row in one.blobs:
            response = _opened(blobs, identity, row, form)
            if response is not None:
                for blob in files_in(response):
                    response = without_file(response, blob)
                return response
    return None


def _family(core: StoreCore, submission: str) -> Iterator[OutboxSubmission]:
    """It, what it adds to, and what else was added to those; the newest first, what was taken back left out."""
    found: dict[str, OutboxSubmission] = {}
    at: str | None = submission
    while at is not None and at not in found and len(found) < _MOST_AMENDED:
        one = core.submission(at)
        if one is None:
            break
        found |= {one.submission: one, **{other.submission: other for other in core.amending(at)}}
        at = one.amends
    kept = (one for one in found.values() if one.life not in (Life.WITHDRAWING, Life.WITHDRAWN))
    yield from sorted(kept, key=lambda one: one.number, reverse=True)


def _opened(blobs: Path, identity: AgeIdentity, row: OutboxBlob, form: str) -> str | None:
    """The response in a row's file, when it is one to this form. The row's hash vouches for the file: it is ours."""
    if row.ordinal == 0 or row.role is not PartRole.WORDS or row.state in GONE or row.size > _MOST_SEALED:
        return None
    try:
        sealed = (blobs / row.file).read_bytes()
        if hashlib.sha256(sealed).hexdigest() != row.sha256:
            return None
        clear = identity.decrypt(sealed).rstrip(b"\0")
        found = read_object(clear, MAX_FORM_BYTES)
        if found.get("resourceType") != "QuestionnaireResponse":
            return None
        return clear.decode() if questionnaire(str(found.get("questionnaire", ""))) == questionnaire(form) else None
    except (OSError, AgeError, JsonError, UnicodeDecodeError) as exc:
        log.info("a sent part does not give a start: %s", type(exc).__name__)
        return None
