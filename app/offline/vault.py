"""Sealing: one age v1 file per blob, padded; and the signed manifest that names the blobs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ValidationError

from app.offline.age import AgeError, AgeIdentity, age_encrypt
from app.offline.errors import SealBroken
from app.wire.intake import MAX_BLOB_BYTES, Manifest, ManifestBlob, SealedManifest
from app.wire.signed import Context, M, SignatureError, sign, verify

SMALLEST_BYTES = 1024
MAX_MANIFEST_BYTES = 1024 * 1024


@dataclass(frozen=True)
class SealedBytes:
    """A sealed file in memory. `sha256` over the ciphertext, `clear_sha256` and `clear_size` of the unpadded clear."""

    ciphertext: bytes = field(repr=False)
    sha256: str
    clear_sha256: str
    clear_size: int


def padded_size(size: int) -> int:
    """Padmé (PURBs, Nikitin et al. 2019): the next size whose binary form has few significant digits.

    At most 12 % more; never under 1 KiB, so that short notes look alike.
    """
    if size < 0:
        raise ValueError("a size is not negative")
    if size <= SMALLEST_BYTES:
        return SMALLEST_BYTES
    exponent = size.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1
    return (size + mask) & ~mask


def seal(clear: bytes, recipients: Sequence[str]) -> SealedBytes:
    """Pads with zeros and seals to every recipient ("age1..."). CPU work: some 10 ms for 10 MB; run in an executor."""
    padded = padded_size(len(clear))
    if padded > MAX_BLOB_BYTES - 64 * 1024 - padded // 4096:
        raise ValueError("too large for one blob")
    ciphertext = age_encrypt(clear.ljust(padded, b"\0"), recipients)
    return SealedBytes(ciphertext, _hash(ciphertext), _hash(clear), len(clear))


def open_sealed(ciphertext: bytes, identity: AgeIdentity, size: int) -> bytes:
    """The `size` clear bytes of a sealed file. Raises :class:`SealBroken` on anything that is not exactly one."""
    padded = _open(ciphertext, identity)
    if size < 0 or len(padded) != padded_size(size) or padded[size:].strip(b"\0"):
        raise SealBroken("the padding does not fit")
    return padded[:size]


def open_blob(ciphertext: bytes, identity: AgeIdentity, named: ManifestBlob) -> bytes:
    """The clear bytes of the blob that a verified manifest names; both hashes and the size must fit."""
    if _hash(ciphertext) != named.sha256:
        raise SealBroken("the SHA-256 of the sealed file does not fit")
    clear = open_sealed(ciphertext, identity, named.size)
    if _hash(clear) != named.clear_sha256:
        raise SealBroken("the SHA-256 of the content does not fit")
    return clear


def seal_document(document: BaseModel, recipients: Sequence[str]) -> bytes:
    """The age file of a document: JSON, a newline, then the zero padding."""
    return seal(_document(document), recipients).ciphertext


def open_document(ciphertext: bytes, identity: AgeIdentity, model: type[M]) -> M:
    """The reverse; raises :class:`SealBroken` on anything that is not exactly one."""
    padded = _open(ciphertext, identity)
    text, newline, _ = padded.partition(b"\n")
    if not newline or padded[len(text) + 1 :].strip(b"\0") or len(padded) != padded_size(len(text) + 1):
        raise SealBroken("the padding of a document does not fit")
    try:
        return model.model_validate_json(text)
    except ValidationError as exc:
        raise SealBroken(f"not a {model.__name__}") from exc


def seal_manifest(manifest: Manifest, key: Ed25519PrivateKey, recipients: Sequence[str]) -> SealedBytes:
    """Signs (Context.MANIFEST) and seals a manifest: JSON, a newline, then the zero padding."""
    signed = SealedManifest(signer=manifest.device_id, manifest=sign(manifest, Context.MANIFEST, key))
    clear = _document(signed)
    if len(clear) > MAX_MANIFEST_BYTES:
        raise ValueError("the manifest is too large")
    return seal(clear, recipients)


def manifest_id(sha256: str) -> str:
    """A manifest's blob id, from the SHA-256 of its ciphertext: found anew, it is the same upload to the clinic."""
    return sha256[:32]


def open_manifest(ciphertext: bytes, identity: AgeIdentity, signers: Mapping[str, bytes]) -> Manifest:
    """Opens a manifest and verifies who made it.

    `signers`: device id -> Ed25519 public key (32 bytes), each from a root-signed device record. The signer must be
    the device that the manifest names. Raises :class:`SealBroken`.
    """
    if len(ciphertext) > 2 * MAX_MANIFEST_BYTES:
        raise SealBroken("the manifest is too large")
    sealed = open_document(ciphertext, identity, SealedManifest)
    key = signers.get(sealed.signer)
    if key is None:
        raise SealBroken(f"no root-signed key is known for {sealed.signer}")
    try:
        manifest = verify(sealed.manifest, Context.MANIFEST, key, Manifest)
    except SignatureError as exc:
        raise SealBroken(str(exc)) from exc
    if manifest.device_id != sealed.signer:
        raise SealBroken("the manifest was signed by another device than it names")
    return manifest


def _document(document: BaseModel) -> bytes:
    return document.model_dump_json().encode() + b"\n"


def _open(ciphertext: bytes, identity: AgeIdentity) -> bytes:
    try:
        return identity.decrypt(ciphertext)
    except AgeError as exc:
        raise SealBroken(str(exc)) from exc


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
