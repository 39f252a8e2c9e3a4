"""What the two sides of a visit say on the data channel "closer": JSON for words, a small binary frame for content.

Every message may come twice: whoever has a new transport says again what stands, and names (ask, part) tell it apart.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from app.media.closer.life import Step
from app.wire.base import Sha256Hex, WireModel

LABEL = "closer"
MOST_PARTS = 4
MOST_MESSAGE = 2_048

AskId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
What = Literal["photo", "clip"]
"""A clip sends no parts: it is sealed where it was recorded and comes by the outbox."""


class BadCloser(ValueError):
    """A message that this channel does not know, or one out of bounds."""


class Given(StrEnum):
    """The patient's answer."""

    AGREED = "agreed"
    NOT_NOW = "not-now"
    FAILED = "failed"  # agreed, but the camera gave no picture
    SAVED = "saved"  # a clip: recorded, sealed and on the patient's disk; it comes by the outbox


STEP_OF = {
    Given.AGREED: Step.AGREE,
    Given.NOT_NOW: Step.REFUSE,
    Given.FAILED: Step.FAIL,
    Given.SAVED: Step.SAVE,
}


class Grade(StrEnum):
    """How good a part is; each later one replaces the earlier."""

    PREVIEW = "preview"
    MIDDLE = "middle"
    FULL = "full"


MOST_BYTES = {Grade.PREVIEW: 65_536, Grade.MIDDLE: 524_288, Grade.FULL: 8_388_608}


class Ask(WireModel):
    """Provider: please show me."""

    type: Literal["ask"] = "ask"
    ask: AskId
    what: What


class Withdraw(WireModel):
    """Provider: no longer needed."""

    type: Literal["withdraw"] = "withdraw"
    ask: AskId


class Answer(WireModel):
    type: Literal["answer"] = "answer"
    ask: AskId
    answer: Given


class Part(WireModel):
    """Patient: part number `part` of `parts` is about to come. Sizes in bytes and pixels."""

    type: Literal["part"] = "part"
    ask: AskId
    part: int = Field(ge=0, lt=MOST_PARTS)
    parts: int = Field(ge=1, le=MOST_PARTS)
    grade: Grade
    size: int = Field(ge=1)
    sha256: Sha256Hex
    width: int = Field(ge=0, le=65_535)
    height: int = Field(ge=0, le=65_535)


class Have(WireModel):
    """Provider: all bytes before `offset` are here. `again`: go on from there, whatever was sent since. `whole`: the
    part is here and its SHA-256 holds."""

    type: Literal["have"] = "have"
    ask: AskId
    part: int = Field(ge=0, lt=MOST_PARTS)
    offset: int = Field(ge=0)
    again: bool = False
    whole: bool = False


@dataclass(frozen=True)
class Chunk:
    """Bytes of a part from `offset` on."""

    ask: str
    part: int
    offset: int
    data: bytes = field(repr=False)


Words = Ask | Withdraw | Answer | Part | Have
Message = Words | Chunk

_WORDS: TypeAdapter[Words] = TypeAdapter(Annotated[Words, Field(discriminator="type")])
_HEAD = struct.Struct(">B8sBI")  # kind 1, ask, part, offset
_KIND = 1
CHUNK_BYTES = 1_024 - _HEAD.size
"""Content in one frame: 1 KiB in all, so that words never stand behind more than that."""


def write(message: Message) -> bytes:
    if isinstance(message, Chunk):
        return _HEAD.pack(_KIND, bytes.fromhex(message.ask), message.part, message.offset) + message.data
    return message.model_dump_json(exclude_defaults=False).encode()


def read(data: bytes) -> Message:
    """Raises :class:`BadCloser`."""
    if len(data) > MOST_MESSAGE:
        raise BadCloser(f"{len(data)} bytes")
    if data[:1] == bytes([_KIND]):
        if len(data) <= _HEAD.size:
            raise BadCloser("a chunk without content")
        _, ask, part, offset = _HEAD.unpack_from(data)
        if part >= MOST_PARTS:
            raise BadCloser("a chunk of an impossible part")
        return Chunk(ask.hex(), part, offset, data[_HEAD.size :])
    try:
        words = _WORDS.validate_json(data)
    except ValidationError as exc:
        raise BadCloser(f"{exc.error_count()} faults") from exc
    if isinstance(words, Part) and (words.size > MOST_BYTES[words.grade] or words.part >= words.parts):
        raise BadCloser("a part out of bounds")
    return words
