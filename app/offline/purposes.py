"""Why a person sends something: the values of a manifest's `purpose`."""

from __future__ import annotations

from enum import StrEnum


class Purpose(StrEnum):
    """What a new submission is sent for."""

    NEW_PROBLEM = "new-problem"
    WOUND_CHECK = "wound-check"
    REFILL = "refill"
    RESULTS = "results"
    FOLLOW_UP = "follow-up"
    READINGS = "readings"


class Quick(StrEnum):
    """What is sent at one touch, without being put together: one of :data:`OLDER`, for it was there before."""

    PHOTO = "photo"
    FILE = "file"


OLDER = frozenset({"photo", "file", "closer", "closer-clip", "words"})
"""What single items are sent under, by a visit too; they stay readable for ever."""


def purpose_of(text: str) -> Purpose | None:
    """The purpose that a manifest names; None for an :data:`OLDER` one, or one of a newer version of the app."""
    return _KNOWN.get(text)


_KNOWN = {purpose.value: purpose for purpose in Purpose}
