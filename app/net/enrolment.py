"""How a device becomes one of a clinic's: by a code that a person carried to it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from app.net.address import base_url, tls_context, unverified_context
from app.net.directory import check_clinic
from app.net.errors import BadAnswer, NetError
from app.net.http import ClinicHttp
from app.wire import API
from app.wire.code import CodeKind, EnrolmentCode
from app.wire.signed import Signed
from app.wire.trust import ClinicDocument, EnrolmentRequest, EnrolmentResult, Role, ServiceStatement, device_id_of

ROOT_ASSOCIATED_DATA = b"thinline/1 root"
_NONCE_BYTES = 12


@dataclass(frozen=True)
class Enrolment:
    """What a device keeps of its enrolment. `root_seed` (32 bytes) reaches the first provider's device alone."""

    base_url: str
    device_id: str
    role: Role
    root_key: bytes
    statement: Signed
    root_seed: bytes | None

    def __repr__(self) -> str:  # the seed must not slip into a log
        return f"Enrolment({self.base_url}, {self.device_id}, {self.role.value})"


class WrongKindOfCode(NetError):
    """A patient's code in the provider's window, or the other way round."""

    def __init__(self, wanted: Role) -> None:
        super().__init__(f"This code is not for a {wanted.value}. Please use the code that was made for you.")


async def enrol(address: str, code_text: str, wanted: Role, ed25519: bytes, age_recipient: str) -> Enrolment:
    """Enrols the device with these public keys.

    Raises AddressError, CodeError (what the person typed), or a :class:`NetError`. Safe to repeat with the
    same keys when the answer was lost.
    """
    url = base_url(address)
    code = EnrolmentCode.parse(code_text)
    if (code.kind is CodeKind.PATIENT) != (wanted is Role.PATIENT):
        raise WrongKindOfCode(wanted)
    document, statement = await _meet(url, code.fingerprint)
    tls = context_for(url, statement)
    async with ClinicHttp(url, tls) as http:
        result = await http.fetch(
            EnrolmentResult,
            "POST",
            f"{API}/enrolments",
            json=EnrolmentRequest(
                token=code.token(),
                ed25519=ed25519,
                age_recipient=age_recipient,
                binding=code.binding(ed25519, age_recipient),
            ),
            open_to_all=True,
        )
    if result.role is not wanted or result.device_id != device_id_of(ed25519, age_recipient):
        raise BadAnswer("enrolled in another role than the code's, or as another device")
    seed = _unwrap(code, result.wrapped_root) if result.wrapped_root is not None else None
    if code.kind is CodeKind.FIRST_PROVIDER and seed is None:
        raise BadAnswer("the first provider's device was not given the root key")
    return Enrolment(url, result.device_id, result.role, document.root_key, document.statement, seed)


async def confirm_root(http: ClinicHttp) -> None:
    """Tells the service that the root key is safe on this device, so that it forgets its wrapped copy."""
    await http.request("DELETE", f"{API}/root")


def context_for(url: str, statement: ServiceStatement) -> ssl.SSLContext | None:
    """The TLS trust for a clinic; None for plain HTTP on loopback."""
    return tls_context(statement.tls_certificates) if url.startswith("https:") else None


async def _meet(url: str, fingerprint: bytes) -> tuple[ClinicDocument, ServiceStatement]:
    """Reads who the service says it is, over a TLS connection that proves nothing yet: the fingerprint does."""
    tls = unverified_context() if url.startswith("https:") else None
    async with ClinicHttp(url, tls) as http:
        document = await http.fetch(ClinicDocument, "GET", f"{API}/clinic", open_to_all=True)
    return document, check_clinic(document, fingerprint)


def _unwrap(code: EnrolmentCode, wrapped: bytes) -> bytes:
    try:
        return ChaCha20Poly1305(code.wrapping_key()).decrypt(
            wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], ROOT_ASSOCIATED_DATA
        )
    except (InvalidTag, ValueError) as exc:
        raise BadAnswer("the root key does not unwrap") from exc
