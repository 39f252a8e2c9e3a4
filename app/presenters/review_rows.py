"""PURE: the rows of the inbox, in the order in which a provider should look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from app.presenters.review_sentences import (
    CANNOT_READ,
    due_at,
    due_sentence,
    holds_words,
    purpose_words,
    relation,
    sealed_words,
    told,
)
from app.presenters.review_views import InboxRow, OtherItem
from app.wire.intake import InboxItem, Manifest


@dataclass(frozen=True)
class Known:
    """What is known of the items: `manifests` by submission, `broken` ones that do not open, `answered` by anyone of
    the care team, `opened` by the signed word of one of them; device id -> name of the person."""

    manifests: Mapping[str, Manifest] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    answered: frozenset[str] = frozenset()
    opened: frozenset[str] = frozenset()


def inbox_rows(
    items: Sequence[InboxItem], known: Known, names: Mapping[str, str], now: datetime
) -> tuple[InboxRow, ...]:
    """Urgent ones first, then what nobody has opened, then what nobody has answered; within these the one whose
    answer is due first. What was answered is last, the newest first."""
    received = {item.submission: item.received_at for item in items}
    ordered = sorted(items, key=lambda item: _rank(item, known))
    return tuple(_row(item, known, received, names, now) for item in ordered)


def _rank(item: InboxItem, known: Known) -> tuple[bool, bool, bool, float, str]:
    name, manifest = item.submission, known.manifests.get(item.submission)
    answered = name in known.answered
    if answered:
        return (True, False, False, -item.received_at.timestamp(), name)
    due = due_at(manifest, item.received_at) if manifest is not None else item.received_at
    return (False, not (manifest is not None and manifest.urgent), name in known.opened, due.timestamp(), name)


def _row(
    item: InboxItem, known: Known, received: Mapping[str, datetime], names: Mapping[str, str], now: datetime
) -> InboxRow:
    name, manifest = item.submission, known.manifests.get(item.submission)
    answered = name in known.answered
    row = InboxRow(
        submission_id=name,
        received_at=item.received_at.astimezone(),
        patient_name=names.get(item.device_id, "A patient"),
        opened=name in known.opened,
        holds=sealed_words(sum(blob.size for blob in item.blobs)),
        told=(CANNOT_READ,) if name in known.broken else (),
        answered=answered,
    )
    if manifest is None:
        return row
    return replace(
        row,
        purpose=purpose_words(manifest.purpose),
        holds=holds_words(manifest),
        urgent=manifest.urgent,
        told=told(manifest, received.get(manifest.amends or ""), now),
        due=None if answered else due_sentence(due_at(manifest, item.received_at), now),
    )


def others_of(submission: str, items: Sequence[InboxItem], manifests: Mapping[str, Manifest]) -> tuple[OtherItem, ...]:
    """The first of the matter and all that amend it, but for `submission` itself; the first one first."""
    here = {item.submission for item in items}
    manifest = manifests.get(submission)
    first = (manifest.amends if manifest is not None else None) or submission
    later = sorted(
        (one for one in manifests.values() if one.amends == first and one.submission in here),
        key=lambda one: (one.created_at, one.submission),
    )
    found = [OtherItem(first, "Open what came first")] if first in here and first != submission else []
    return (
        *found,
        *(OtherItem(one.submission, _OTHER[relation(one)]) for one in later if one.submission != submission),
    )


_OTHER = {
    "adds": "Open what was added later",
    "answers": "Open the answer to your question",
    "originals": "Open the originals",
}
