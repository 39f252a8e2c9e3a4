"""PURE: a photo on its way through the photo page: what is looked at, sealed, and chosen."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.offline.from_file import Pick
from app.offline.photo_copy import CopyChoice, PhotoCopies, at_side, choices
from app.offline.photos import Encoded
from app.presenters.sending_words import size_words, time_words
from app.presenters.views import PhotoPhase, PhotoSize

LINE_MORE = 1.15
"""What sealing, padding and the line add, as a factor."""
_SIZE_NAMES = (
    (1000, "Small: quick to send"),
    (1800, "Medium"),
    (2600, "Fine: small marks can be seen"),
    (99_999, "Very fine"),
)


@dataclass(frozen=True)
class SealedPhoto:
    """A photo that is on the disk, sealed: the part `blob` of the draft `draft`."""

    draft: str
    blob: str


@dataclass(frozen=True)
class Kept:
    """A photo as it was taken, sealed at the shutter; the copy that the person chose of it, and its thumbnail. None:
    they could not be made, and the photo is made lighter later."""

    sealed: SealedPhoto
    copy: Encoded | None
    thumbnail: Encoded | None
    note: str = ""


@dataclass(frozen=True)
class Photo:
    """One stay on the page after the shutter, or with `picks` from files. `number` tells it from the one before.

    `jpeg`: what was taken, or a picture of the first pick, for the screen. `copies` come a moment after the picture
    itself; `failed`: they cannot be made. `side` is the chosen one's, 0: the one that is offered.
    """

    phase: PhotoPhase
    number: int = 0
    jpeg: bytes = field(default=b"", repr=False)
    hint: str = ""
    copies: PhotoCopies | None = None
    failed: bool = False
    side: int = 0
    note: str = ""
    saved: bool = False
    picks: tuple[Pick, ...] = ()
    progress: str = ""

    def choices(self, rate: float | None) -> tuple[CopyChoice, ...]:
        found = [pick.copies for pick in self.picks if pick.copies is not None]
        if self.copies is not None:
            found = [self.copies]
        return choices(found, rate, LINE_MORE) if found else ()

    def chosen(self, rate: float | None) -> CopyChoice | None:
        found = self.choices(rate)
        return next((one for one in found if one.side == self.side), None) or next(
            (one for one in found if one.offered), None
        )

    def sizes(self, rate: float | None) -> tuple[PhotoSize, ...]:
        """What stands on the page to choose from."""
        chosen = self.chosen(rate)
        return tuple(_size(one, one == chosen) for one in self.choices(rate))


def chosen_copy(photo: Photo, rate: float | None) -> tuple[Encoded | None, Encoded | None]:
    """The copy that the person chose and the thumbnail; two None where they are not to be had."""
    chosen = photo.chosen(rate)
    if chosen is None or photo.copies is None:
        return None, None
    return at_side(photo.copies, chosen.side), photo.copies.thumbnail


def _size(choice: CopyChoice, chosen: bool) -> PhotoSize:
    label = next(words for most, words in _SIZE_NAMES if choice.side <= most)
    detail = size_words(choice.size)
    if choice.seconds is not None:
        detail += f", {time_words(choice.seconds)} to send"
    return PhotoSize(choice.side, label, detail, chosen)
