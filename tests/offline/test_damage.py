"""A flipped bit or a cut anywhere in a manifest or blob is noticed, and the other items still go.

A sample; `make bench ARGS=damage` does 10,000 places.
"""

from __future__ import annotations

from pathlib import Path

from app.offline import trust
from app.offline.capture import Part, Words, save_sealed, seal_submission
from app.offline.outbox import Transfer
from app.offline.recovery import sweep
from tests.bench.damage import PAGE, cut, flipped, made
from tests.offline.offline_kit import NOW, Clinic, open_device

FILES = made(2 * PAGE + 77)


def test_whole_files_open() -> None:
    assert FILES.manifest_opens(FILES.manifest)
    assert FILES.blob_opens(FILES.blob)


def test_a_flipped_bit_anywhere_is_noticed() -> None:
    assert not any(FILES.manifest_opens(copy) for copy in flipped(FILES.manifest, 300, 1))
    assert not any(FILES.blob_opens(copy) for copy in flipped(FILES.blob, 300, 2))


def test_a_cut_at_each_page_and_at_odd_places_is_noticed() -> None:
    assert not any(FILES.manifest_opens(copy) for copy in cut(FILES.manifest, 100, 3))
    assert not any(FILES.blob_opens(copy) for copy in cut(FILES.blob, 100, 4))


def test_a_cut_file_is_told_and_the_others_still_go(tmp_path: Path) -> None:
    device = open_device(tmp_path / "p", Clinic())
    try:
        names = []
        for _ in range(3):
            part = Part(bytes(3 * PAGE), "a.jpg", "image/jpeg")
            sealed = seal_submission(trust.sender(device.core), [part], Words("wound"), NOW)
            save_sealed(device.core, device.profile.blobs, sealed)
            names.append(sealed.submission)
        hurt = device.core.submission(names[1])
        assert hurt is not None
        path = device.profile.blobs / hurt.blobs[1].file
        path.write_bytes(path.read_bytes()[:PAGE])
        assert sweep(device.core, device.profile.blobs).lost == 1
        states = {s.submission: [blob.state for blob in s.blobs] for s in device.core.submissions()}
        assert states[names[0]] == states[names[2]] == [Transfer.SEALED, Transfer.SEALED]
        assert states[names[1]][1] is Transfer.REFUSED
    finally:
        device.close()
