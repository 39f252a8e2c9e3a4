"""Which questionnaires a sent item held answers to, so that answers given again say that they replace them.

Documents of the store, kind "answered": a submission's id -> its questionnaires' addresses, with those of what it
amends. The answers themselves are not kept.
"""

from __future__ import annotations

import json

from app.offline.draft import Draft
from app.offline.store import StoreCore

_KIND = "answered"


def questionnaire(address: str) -> str:
    """A form's canonical address without its version: answers to a newer version replace those to an older one."""
    return address.partition("|")[0]


def answered(core: StoreCore, submission: str) -> frozenset[str]:
    """Addresses without versions; nothing for an item that held none, or was sent before this was kept."""
    found = core.document(_KIND, submission)
    return frozenset() if found is None else frozenset(json.loads(found))


def remember_answered(core: StoreCore, draft: Draft) -> None:
    """To be done before the rows: what names a submission that never came is of no harm."""
    before = answered(core, draft.amends) if draft.amends is not None else frozenset()
    names = before.union(map(questionnaire, draft.forms))
    if names:
        core.put_documents(_KIND, {draft.draft: json.dumps(sorted(names)).encode()})
