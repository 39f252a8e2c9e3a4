"""PURE: which part of an opened item comes next: words and thumbnails first, then what the person looks at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from app.presenters.review_sentences import kind_of, shown
from app.presenters.review_views import PartKind
from app.wire.intake import Manifest, ManifestBlob, PartRole

_PICTURED = frozenset({PartKind.PICTURE, PartKind.DOCUMENT, PartKind.CLIP})


class Do(StrEnum):
    FETCH = "fetch"  # the sealed file
    READ = "read"  # words or a thumbnail, open and on show from then on
    MARK = "mark"  # tell the clinic that a person has opened it
    SHOW = "show"  # make what the person looks at safe for the screen
    PREVIEW = "preview"  # make a thumbnail of what came without one


@dataclass(frozen=True)
class Step:
    do: Do
    blob: ManifestBlob | None = None  # None for MARK


@dataclass(frozen=True)
class Stand:
    """`here`: files that are whole on this disk; `done`: read, previewed; `broken`: will not open; `wish`: the blob
    that the person looks at, until it is on show; `marked`: the clinic knows."""

    here: frozenset[str] = frozenset()
    done: frozenset[str] = frozenset()
    broken: frozenset[str] = frozenset()
    wish: str | None = None
    marked: bool = False


def next_step(manifest: Manifest, stand: Stand) -> Step | None:
    """None when there is nothing to do. Whatever has no part in order is passed over once it is broken."""
    seen = shown(manifest)
    first = [blob for role in (PartRole.WORDS, PartRole.THUMBNAIL) for blob in manifest.blobs if blob.role is role]
    found = _first(first, Do.READ, stand)
    if found is not None:
        return found
    if not stand.marked:
        return Step(Do.MARK)
    wished = [blob for blob in seen if blob.blob == stand.wish and blob.blob not in stand.broken]
    if wished:
        return Step(Do.SHOW if wished[0].blob in stand.here else Do.FETCH, wished[0])
    pictured = {blob.of for blob in first}
    for blob in seen:
        bare = kind_of(blob) in _PICTURED and blob.blob not in pictured
        step = _first([blob], Do.PREVIEW if bare else None, stand)
        if step is not None:
            return step
    return None


def _first(blobs: Iterable[ManifestBlob], then: Do | None, stand: Stand) -> Step | None:
    for blob in blobs:
        if blob.blob in stand.broken:
            continue
        if blob.blob not in stand.here:
            return Step(Do.FETCH, blob)
        if then is not None and blob.blob not in stand.done:
            return Step(then, blob)
    return None
