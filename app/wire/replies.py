"""What providers answer to submissions: signed by their device, sealed to the patient's, receipted by it."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from app.wire.base import Bytes64, Id, Sha256Hex, UtcTime, WireModel
from app.wire.signed import Signed

MAX_SEALED_REPLY_BYTES = 64 * 1024
MAX_REPLY_TEXT = 8000


WISH_TEXT = "Please send the original of what you sent."
"""What a wish for originals said before wishes came without words."""


class ReplyKind(StrEnum):
    """`ANSWER` closes a submission; `QUESTION` asks the person for more: words or photos. One that only wants
    originals is a `QUESTION` too, without words (:attr:`ReplyContent.wish`)."""

    ANSWER = "answer"
    QUESTION = "question"


class ReplyContent(WireModel):
    """Signed by the provider's device (Context.REPLY). `wants`: blobs whose originals are asked for."""

    reply: Id
    submission: Id
    to: Id
    kind: ReplyKind
    text: str = Field(max_length=MAX_REPLY_TEXT)
    name: str = Field(max_length=200)
    created_at: UtcTime
    wants: tuple[Id, ...] = Field(default=(), max_length=50)

    @property
    def wish(self) -> bool:
        """It wants originals and nothing else: they go by themselves, the person is asked nothing."""
        silent = self.text.strip() in ("", WISH_TEXT)
        return self.kind is ReplyKind.QUESTION and bool(self.wants) and silent


class SealedReply(WireModel):
    """The age plaintext of a reply (before padding, as a manifest's). `signer` is a member of the care team."""

    signer: Id
    reply: Signed


class Reply(WireModel):
    """PUT /v1/replies/{reply} (providers). The same bytes again are answered alike; others get 409.

    `sealed` is an age file to the patient's device and to the care team.
    """

    reply: Id
    submission: Id
    to: Id
    sealed: Bytes64 = Field(max_length=MAX_SEALED_REPLY_BYTES)


class ReplyReceipt(WireModel):
    """Signed by the patient's device (Context.REPLY_RECEIPT): it has this reply on its disk, or a person has read it.

    `sha256` over the sealed bytes.
    """

    reply: Id
    device_id: Id
    sha256: Sha256Hex
    at: UtcTime
    read: bool


class ReplyReceiptBy(WireModel):
    """POST /v1/replies/{reply}/receipt, by the device it went to. One that says `read` replaces one that does not."""

    signer: Id
    receipt: Signed


class ReplyRow(WireModel):
    """GET /v1/replies: to a patient's device its own, to providers all, oldest first; `?after=N` leaves out those
    numbered up to N. `number` counts up by one service."""

    number: int = Field(ge=1)
    reply: Id
    submission: Id
    to: Id
    sealed: Bytes64
    receipt: ReplyReceiptBy | None = None


class ReplyRows(WireModel):
    replies: tuple[ReplyRow, ...] = Field(max_length=100)
    more: bool
