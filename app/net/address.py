"""The clinic's address as a person types it, and the TLS trust that goes with it."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from urllib.parse import urlsplit

from app.wire.hosts import is_loopback

DEFAULT_PORT = 8443


class AddressError(ValueError):
    """The text is no address of a clinic; `str()` is a sentence for the screen."""


def base_url(text: str) -> str:
    """`clinic.example`, `clinic.example:8443` or a whole URL -> `https://host:port`.

    Plain HTTP is taken for loopback alone (tests, or a service behind a proxy on the same machine).
    """
    text = text.strip().rstrip("/")
    if not text or any(c.isspace() for c in text):
        raise AddressError("Please type the clinic's address, for example clinic.example:8443.")
    parts = urlsplit(text if "://" in text else f"https://{text}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError as exc:
        raise AddressError("The clinic's address has a wrong number at its end.") from exc
    if not host or parts.username or parts.query or parts.fragment or parts.path:
        raise AddressError("That is not the address of a clinic. It looks like clinic.example:8443.")
    if parts.scheme not in ("https", "http") or (parts.scheme == "http" and not is_loopback(host)):
        raise AddressError("The clinic's address has to begin with https://.")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}:{port or DEFAULT_PORT}"


def tls_context(certificates: Sequence[bytes]) -> ssl.SSLContext:
    """TLS 1.2 or later, trusting the DER `certificates` the clinic's root has signed, or the public
    authorities when there are none."""
    if not certificates:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for certificate in certificates:
        context.load_verify_locations(cadata=certificate)
    return context


def unverified_context() -> ssl.SSLContext:
    """For one request alone: GET /v1/clinic before enrolment, whose answer is believed by the code's fingerprint."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
