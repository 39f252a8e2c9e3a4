"""What can go wrong with an upload, and what each means for the next try."""

from __future__ import annotations

from app.net.errors import BadAnswer, CertificateMismatch, NetError, NotTheClinic, Refused, Unreachable, WrongClinic
from app.offline.errors import OfflineError
from app.offline.outbox import FailureKind
from app.wire.errors import ErrorCode


class UploadFailed(OfflineError):
    """The ground of the uploader's own errors; `kind` says what it means for the next try."""

    kind = FailureKind.SERVER
    sentence = "The clinic could not take this item yet. It stays saved here."


class Stalled(UploadFailed):
    """The link is up, but nothing moves on it."""

    kind = FailureKind.STALLED
    sentence = "The connection is too weak at the moment. This item stays saved here."


class Paused(UploadFailed):
    """A live visit needs the whole link."""

    kind = FailureKind.PAUSED
    sentence = "This item waits until the visit leaves room for it."


class NoReceiptYet(UploadFailed):
    """All bytes are there, the receipt is not."""


class NotReceipted(UploadFailed):
    """All bytes are at a plain tus server, which signs no receipts: delivered, and not to be called received."""

    kind = FailureKind.REFUSED
    sentence = "This item was sent to a server that gives no receipt. It stays saved here."


class HashMismatch(UploadFailed):
    """The clinic got other bytes than were sent (422): it begins again at 0."""


class Conflict(UploadFailed):
    """The clinic has something else under this blob's name (409 at creation)."""

    kind = FailureKind.REFUSED
    sentence = "The clinic has something else in this item's place. It stays saved here. Please call the clinic."


class TooLargeForClinic(UploadFailed):
    """413 at creation."""

    kind = FailureKind.REFUSED
    sentence = (
        "This item is too large for the clinic. It stays saved here. "
        "Please call the clinic, or take it back and send less at once."
    )


_KINDS: dict[type[NetError], FailureKind] = {
    Unreachable: FailureKind.OFFLINE,
    NotTheClinic: FailureKind.OFFLINE,
    CertificateMismatch: FailureKind.OFFLINE,
    WrongClinic: FailureKind.OFFLINE,
    BadAnswer: FailureKind.SERVER,
}

_SIGN_IN_CODES = frozenset({ErrorCode.TOKEN_INVALID, ErrorCode.NOT_ALLOWED})
_SIGN_IN_STATUS = frozenset({401, 403})


def failure_kind(error: NetError | UploadFailed) -> FailureKind:
    """What `error` means for the next try. 429 (RFC 6585 section 4) is the clinic's own trouble, no question of who
    asks: longer and longer waits."""
    if isinstance(error, UploadFailed):
        return error.kind
    if isinstance(error, Refused):
        sign_in = error.code in _SIGN_IN_CODES or error.status in _SIGN_IN_STATUS
        return FailureKind.SIGN_IN if sign_in else FailureKind.SERVER
    return _KINDS.get(type(error), FailureKind.SERVER)
