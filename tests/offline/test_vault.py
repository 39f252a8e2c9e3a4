"""Sealing: opens for whom it should, in any age implementation's format; every altered byte is noticed."""

from __future__ import annotations

from dataclasses import replace

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.offline.age import AgeError, AgeIdentity, age_encrypt
from app.offline.errors import SealBroken
from app.offline.keys import DeviceKeys
from app.offline.vault import open_blob, open_manifest, open_sealed, padded_size, seal, seal_manifest
from app.wire.intake import Manifest, ManifestBlob
from tests.offline.offline_kit import NOW, PATIENT

ME = AgeIdentity.generate()
OTHER = AgeIdentity.generate()
DEVICE = DeviceKeys.generate()
CLEAR = bytes(range(256)) * 300
SEALED = seal(CLEAR, [ME.recipient])


def manifest(**changes: object) -> Manifest:
    fields = {"submission": "s" * 12, "device_id": PATIENT, "created_at": NOW, "purpose": "wound", "blobs": ()}
    return Manifest.model_validate({**fields, "note": "línea\nzwei", **changes})


@given(st.integers(0, 2**40))
def test_padded_sizes_hold_the_clear_and_say_little(size: int) -> None:
    padded = padded_size(size)
    assert padded >= size
    assert padded_size(padded) == padded
    assert padded <= max(1024, size * 1.12)
    assert padded_size(size + 1) >= padded
    assert padded % (1 << max(0, padded.bit_length() - 1 - (padded.bit_length() - 1).bit_length())) == 0


@given(st.binary(max_size=3000))
def test_what_was_sealed_opens_for_each_recipient(clear: bytes) -> None:
    sealed = seal(clear, [ME.recipient, OTHER.recipient])
    for identity in (ME, OTHER):
        assert open_sealed(sealed.ciphertext, identity, sealed.clear_size) == clear


def test_sizes_outside_are_alike() -> None:
    def payload(clear: bytes) -> int:  # after the header, to which age adds a stanza of random length
        return len(seal(clear, [ME.recipient]).ciphertext.partition(b"\n--- ")[2])

    assert payload(b"no") == payload(b"y" * 900) < payload(b"y" * 2000)


def test_plain_age_opens_ours_and_we_open_plain_age() -> None:
    sealed = seal(CLEAR, [ME.recipient])
    identity = pyrage.x25519.Identity.from_str(ME.secret())
    assert pyrage.decrypt(sealed.ciphertext, [identity]) == CLEAR.ljust(padded_size(len(CLEAR)), b"\0")
    theirs = pyrage.encrypt(CLEAR.ljust(padded_size(len(CLEAR)), b"\0"), [identity.to_public()])
    assert open_sealed(theirs, ME, len(CLEAR)) == CLEAR
    assert sealed.ciphertext.startswith(b"age-encryption.org/v1\n-> X25519 ")


@given(st.integers(0, len(SEALED.ciphertext) * 8 - 1))
def test_a_flipped_bit_is_noticed(bit: int) -> None:
    altered = bytearray(SEALED.ciphertext)
    altered[bit // 8] ^= 1 << (bit % 8)
    with pytest.raises(SealBroken):
        open_sealed(bytes(altered), ME, SEALED.clear_size)


@given(st.integers(0, len(SEALED.ciphertext) - 1))
def test_a_cut_is_noticed(length: int) -> None:
    with pytest.raises(SealBroken):
        open_sealed(SEALED.ciphertext[:length], ME, SEALED.clear_size)


def test_others_and_passphrases_do_not_open() -> None:
    with pytest.raises(SealBroken):
        open_sealed(seal(CLEAR, [ME.recipient]).ciphertext, OTHER, len(CLEAR))
    with pytest.raises(SealBroken):
        open_sealed(pyrage.passphrase.encrypt(CLEAR, "secret"), ME, len(CLEAR))


def test_a_wrong_size_or_dirty_padding_is_noticed() -> None:
    sealed = seal(b"abc", [ME.recipient])
    for size in (2, -1, 5000):
        with pytest.raises(SealBroken):
            open_sealed(sealed.ciphertext, ME, size)
    dirty = age_encrypt(b"abc".ljust(1023, b"\0") + b"x", [ME.recipient])
    with pytest.raises(SealBroken):
        open_sealed(dirty, ME, 3)


def test_bad_recipients() -> None:
    with pytest.raises(ValueError, match="recipient"):
        seal(CLEAR, [])
    with pytest.raises(AgeError):
        seal(CLEAR, ["age1nonsense"])
    with pytest.raises(AgeError):
        AgeIdentity("AGE-SECRET-KEY-1NO")
    assert ME.secret() not in repr(ME)


def test_a_blob_is_checked_against_its_manifest() -> None:
    sealed = seal(CLEAR, [ME.recipient])
    named = ManifestBlob(
        blob="b" * 12,
        sha256=sealed.sha256,
        size=sealed.clear_size,
        media_type="image/jpeg",
        clear_sha256=sealed.clear_sha256,
    )
    assert open_blob(sealed.ciphertext, ME, named) == CLEAR
    other = seal(CLEAR[::-1], [ME.recipient])
    with pytest.raises(SealBroken):
        open_blob(other.ciphertext, ME, named)
    with pytest.raises(SealBroken):
        open_blob(other.ciphertext, ME, named.model_copy(update={"sha256": other.sha256}))


def test_a_manifest_says_who_made_it() -> None:
    sealed = seal_manifest(manifest(), DEVICE.signing, [ME.recipient])
    assert open_manifest(sealed.ciphertext, ME, {PATIENT: DEVICE.ed25519}) == manifest()


def test_a_manifest_by_another_key_or_for_another_device_is_refused() -> None:
    stranger = DeviceKeys.generate()
    sealed = seal_manifest(manifest(), stranger.signing, [ME.recipient])
    for signers in ({PATIENT: DEVICE.ed25519}, {}, {"another00001": stranger.ed25519}):
        with pytest.raises(SealBroken):
            open_manifest(sealed.ciphertext, ME, signers)


def test_a_signer_cannot_speak_for_another_device() -> None:
    from app.wire.intake import SealedManifest
    from app.wire.signed import Context, sign

    stranger = DeviceKeys.generate()
    forged = SealedManifest(signer="another00001", manifest=sign(manifest(), Context.MANIFEST, stranger.signing))
    sealed = seal(forged.model_dump_json().encode() + b"\n", [ME.recipient])
    with pytest.raises(SealBroken, match="damaged or altered"):
        open_manifest(sealed.ciphertext, ME, {"another00001": stranger.ed25519, PATIENT: DEVICE.ed25519})


@pytest.mark.parametrize(
    "clear", [b"", b"{}", b"{}\n", b"not json\n", b"{}\n" + b"x" * 1021, b"[1]\n".ljust(4096, b"\0")]
)
def test_what_is_no_manifest_is_refused(clear: bytes) -> None:
    with pytest.raises(SealBroken):
        open_manifest(age_encrypt(clear.ljust(1024, b"\0"), [ME.recipient]), ME, {PATIENT: DEVICE.ed25519})


def test_a_sealed_file_shows_nothing_in_its_repr() -> None:
    sealed = seal(b"CANARY", [ME.recipient])
    assert "ciphertext" not in repr(replace(sealed))
