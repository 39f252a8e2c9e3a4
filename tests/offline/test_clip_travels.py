"""A clip on its whole way: sealed by the sender like any part, opened by the provider as it was, then taken apart."""

from __future__ import annotations

import pytest

from app.offline.capture import Part, Words, seal_submission
from app.offline.clips import CLIP_TYPE, MAX_CLIP_BYTES, ClipTooLarge, bound_clip, safe_clip
from app.offline.keys import DeviceKeys
from app.offline.trust import Sender
from app.offline.vault import open_blob, open_manifest
from tests.offline.offline_kit import NOW, PATIENT, Clinic
from tests.offline.test_clips import film


def test_a_clip_is_sealed_named_and_opened_as_it_was():
    clinic, patient, data = Clinic(), DeviceKeys.generate(), film(seconds=0.4)
    words = Words("closer-clip", visit_id="0123456789abcdef01234567")
    sealed = seal_submission(Sender(PATIENT, patient, clinic.team()), [Part(data, "clip.mp4", CLIP_TYPE)], words, NOW)
    (_, first), (_, second) = sealed.files
    assert b"ftyp" not in second.ciphertext
    manifest = open_manifest(first.ciphertext, clinic.provider.identity, {PATIENT: patient.ed25519})
    (named,) = manifest.blobs
    assert (manifest.purpose, manifest.visit_id, named.media_type) == ("closer-clip", words.visit_id, CLIP_TYPE)
    opened = open_blob(second.ciphertext, clinic.provider.identity, named)
    assert opened == data
    assert len(safe_clip(opened).pictures) == 4


def test_a_clip_beyond_its_bound_is_not_sent():
    bound_clip(bytes(MAX_CLIP_BYTES))
    with pytest.raises(ClipTooLarge, match="too large"):
        bound_clip(bytes(MAX_CLIP_BYTES + 1))
