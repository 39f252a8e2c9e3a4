"""What a draft holds: a document of the encrypted store, and the names of its parts, which are sealed files."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationError

from app.offline.errors import OfflineError
from app.offline.parts import FHIR, TEXT, Held, Part, plain_name
from app.offline.purposes import Purpose, Quick
from app.offline.readings import MAX_READINGS, Reading
from app.offline.readings_fhir import to_bundle
from app.wire.base import Id, UtcTime, WireModel
from app.wire.intake import ManifestBlob, PartRole

MAX_DRAFTS = 50
MAX_TEXT = 20_000
MAX_NOTE = 4000
"""What a manifest takes; a longer text goes as a part of its own."""
MAX_FORMS = 10
MAX_FORM_BYTES = 1024 * 1024


class DraftUnreadable(OfflineError):
    """A newer version of the app has written this draft. It stays on the disk as it is."""

    sentence = "What you have begun was made by a newer version of Thinline. Please use that version."


class DraftGone(OfflineError):
    """It was finished or thrown away, perhaps by another window."""

    sentence = "This is no longer here: it was finished or thrown away."


class DraftEmpty(OfflineError):
    """Nothing was added yet."""

    sentence = "There is nothing in it yet. Please add something first."


class DraftBusy(OfflineError):
    """It was changed all the time while it was being finished."""

    sentence = "This is still being changed. Please try again."


class TooManyDrafts(OfflineError):
    """More than :data:`MAX_DRAFTS`."""

    sentence = "There are too many unfinished items. Please finish one or throw one away."


class DraftPart(WireModel):
    """One sealed file of a draft. `file` in profile/blobs; `sealed_size` and `named.sha256` of the ciphertext.

    `team`: the version of the care team's list to which it is sealed.
    """

    named: ManifestBlob
    file: str = Field(pattern=r"^[0-9a-f]{32}$")
    sealed_size: int = Field(gt=0)
    team: int = Field(ge=0)


class Draft(WireModel):
    """Begun and not yet finished. Its id becomes the submission's. `note`, `forms` and `readings` are clear here:
    the whole store is encrypted.

    `forms`: a form's canonical address -> QuestionnaireResponse as JSON. `amends`, `answers`, `visit_id` as in a
    manifest. `waits`: taken at one touch, sealed, and no person has said yet that it goes.
    """

    version: Literal[1] = 1
    draft: Id
    purpose: Purpose | Quick
    created_at: UtcTime
    changed_at: UtcTime
    visit_id: Id | None = None
    amends: Id | None = None
    answers: Id | None = None
    urgent: bool = False
    note: str = Field(default="", max_length=MAX_TEXT)
    forms: dict[str, str] = Field(default_factory=dict, max_length=MAX_FORMS)
    readings: tuple[Reading, ...] = Field(default=(), max_length=MAX_READINGS)
    parts: tuple[DraftPart, ...] = ()
    waits: bool = False

    @property
    def empty(self) -> bool:
        return not (self.note or self.forms or self.readings or self.parts)

    @property
    def quick(self) -> bool:
        """Taken at one touch: it is finished by itself, and no person puts anything to it (app.offline.quick)."""
        return isinstance(self.purpose, Quick) and not self.waits

    @property
    def held(self) -> Held:
        return Held(len(self.parts), sum(part.named.size for part in self.parts))

    @property
    def files(self) -> tuple[str, ...]:
        return tuple(part.file for part in self.parts)

    def to_body(self) -> bytes:
        """What older versions of the app do not know is left out where it says nothing."""
        return self.model_dump_json(exclude=None if self.waits else {"waits"}).encode()


def from_body(body: bytes) -> Draft:
    """Raises :class:`DraftUnreadable`."""
    try:
        return Draft.model_validate_json(body)
    except ValidationError as exc:
        raise DraftUnreadable(f"{exc.error_count()} faults") from exc


def words_of(draft: Draft, device_id: str) -> list[Part]:
    """What was kept as text, as parts of role WORDS: a long note, each form's answers, the readings. Imports FHIR."""
    made = []
    if len(draft.note) > MAX_NOTE:
        made.append(Part(draft.note.encode("utf-8", "replace"), "message.txt", TEXT, PartRole.WORDS))
    for number, response in enumerate(draft.forms.values(), start=1):
        made.append(Part(response.encode(), f"answers-{number}.json", FHIR, PartRole.WORDS))
    if draft.readings:
        made.append(Part(to_bundle(draft.readings, device_id), "readings.json", FHIR, PartRole.WORDS))
    return made


def note_of(draft: Draft) -> str:
    """What the manifest itself says."""
    return draft.note if len(draft.note) <= MAX_NOTE else ""


def named(part: Part, sha256: str, clear_sha256: str) -> ManifestBlob:
    return ManifestBlob(
        blob=part.blob,
        sha256=sha256,
        size=len(part.data),
        media_type=part.media_type,
        name=plain_name(part.name),
        clear_sha256=clear_sha256,
        role=part.role,
        of=part.of,
    )
