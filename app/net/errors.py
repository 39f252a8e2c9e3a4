"""What can go wrong between a device and the clinic, as types; each says itself in one plain sentence."""

from __future__ import annotations

from app.wire.errors import ErrorCode


class NetError(Exception):
    """The clinic could not do what was asked of it. `str()` is a sentence fit for a screen."""


class Unreachable(NetError):
    """No answer: no link, no such host, refused, reset, or not within the deadline."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("The clinic cannot be reached at the moment.")
        self.detail = detail


class NotTheClinic(NetError):
    """Something answered that is no clinic service: a captive portal, a proxy, another web server."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(
            "Something else answered instead of the clinic. "
            "If this network has a sign-in page, open it in a browser first."
        )
        self.detail = detail


class CertificateMismatch(NetError):
    """TLS failed: the certificate is not one that the clinic's root has signed for (RFC 5280, RFC 9525)."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("This is not your clinic's computer, or someone is in between: its certificate does not fit.")
        self.detail = detail


class WrongClinic(NetError):
    """The service's root key or statement does not fit the fingerprint that was pinned or that the code carries."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("This code belongs to another clinic, or the address is not right.")
        self.detail = detail


class BadAnswer(NetError):
    """The clinic's answer is malformed, too large, or its signature does not hold."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("The clinic's answer could not be understood.")
        self.detail = detail


_REFUSALS = {
    ErrorCode.CODE_UNKNOWN: "The clinic does not know this code. Please check it.",
    ErrorCode.CODE_USED: "This code has been used already. Please ask the clinic for a new one.",
    ErrorCode.CODE_EXPIRED: "This code is too old. Please ask the clinic for a new one.",
    ErrorCode.TOO_MANY_TRIES: "Too many tries. Please wait a few minutes.",
    ErrorCode.TOKEN_INVALID: "The clinic did not let this device sign in.",
    ErrorCode.NOT_ALLOWED: "This device may not do that.",
    ErrorCode.STORAGE_FULL: "The clinic has no room at the moment. Your items stay saved here.",
}


class Refused(NetError):
    """The clinic understood and said no. `status` is the HTTP status, `code` the reason."""

    def __init__(self, status: int, code: ErrorCode, detail: str = "") -> None:
        super().__init__(_REFUSALS.get(code, "The clinic could not do that."))
        self.status = status
        self.code = code
        self.detail = detail
