"""The two secrets the service has of its own: the receipt key and the key of its TLS certificate."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from app.clinic.settings import SettingsError, write_private

_CERTIFICATE_LIFE = timedelta(days=3650)


@dataclass(frozen=True)
class ServiceKeys:
    """`receipt` signs receipts; `challenge` (32 bytes, derived from it) authenticates this service's own nonces."""

    receipt: Ed25519PrivateKey
    challenge: bytes

    @classmethod
    def of(cls, receipt: Ed25519PrivateKey) -> ServiceKeys:
        hkdf = HKDF(hashes.SHA256(), 32, salt=b"thinline/1 clinic", info=b"challenge")
        return cls(receipt, hkdf.derive(receipt.private_bytes_raw()))

    def __repr__(self) -> str:  # keys must not slip into a log
        return "ServiceKeys(...)"


def make_receipt_key(path: Path) -> ServiceKeys:
    """Makes the key and writes its 32-byte seed to `path` (0600)."""
    key = Ed25519PrivateKey.generate()
    write_private(path, key.private_bytes_raw())
    return ServiceKeys.of(key)


def load_receipt_key(path: Path) -> ServiceKeys:
    try:
        return ServiceKeys.of(Ed25519PrivateKey.from_private_bytes(path.read_bytes()))
    except (OSError, ValueError) as exc:
        raise SettingsError(f"The receipt key {path} cannot be read ({type(exc).__name__}).") from None


def make_certificate(names: Sequence[str], now: datetime, certificate: Path, key_file: Path) -> bytes:
    """Writes a self-signed certificate (P-256, 10 years) and its key as PEM; returns the certificate as DER.

    `names` are DNS names and IP addresses; all go into the subject alternative names (RFC 5280 section 4.2.1.6).
    Devices trust this very certificate by the root's signature, so it is no authority for others.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Thinline clinic service")])
    public = key.public_key()
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # a device's clock may be behind
        .not_valid_after(now + _CERTIFICATE_LIFE)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in dict.fromkeys(names)]), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(_digital_signature(), True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private(key_file, secret)
    write_private(certificate, built.public_bytes(serialization.Encoding.PEM))
    return built.public_bytes(serialization.Encoding.DER)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        return x509.DNSName(name.encode("idna").decode("ascii"))
    except (UnicodeError, ValueError):
        raise SettingsError(f"'{name}' is neither a DNS name nor an IP address.") from None


def _digital_signature() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
