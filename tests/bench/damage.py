"""Bench part "damage": a flipped bit at 10,000 places of sealed files, and cuts at each page: how many are noticed.

By the seal alone, without the SHA-256 that the manifest and the rows have beside. Prints JSON lines of what, figure,
target. `tests/offline/test_damage.py` does a sample.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from app.offline.age import AgeIdentity
from app.offline.errors import SealBroken
from app.offline.keys import DeviceKeys
from app.offline.vault import open_manifest, open_sealed, seal, seal_manifest
from app.wire.intake import Manifest, ManifestBlob

PAGE = 64 * 1024
FLIPS = 10_000


@dataclass(frozen=True)
class Files:
    """A manifest that names one blob of several pages, and the keys."""

    device: DeviceKeys
    manifest: bytes
    blob: bytes
    size: int

    def manifest_opens(self, data: bytes) -> bool:
        return self._opens(lambda: open_manifest(data, self.device.identity, {"device000001": self.device.ed25519}))

    def blob_opens(self, data: bytes) -> bool:
        return self._opens(lambda: open_sealed(data, self.device.identity, self.size))

    @staticmethod
    def _opens(work: object) -> bool:
        try:
            work()  # type: ignore[operator]
        except SealBroken:
            return False
        return True


def made(size: int = 5 * PAGE + 77) -> Files:
    device = DeviceKeys.generate()
    others = [AgeIdentity.generate().recipient for _ in range(3)]
    recipients = [*others, device.age_recipient]
    blob = seal(random.Random(1).randbytes(size), recipients)
    named = ManifestBlob(
        blob="blob00000001", sha256=blob.sha256, size=size, media_type="image/jpeg", clear_sha256=blob.clear_sha256
    )
    manifest = Manifest(
        submission="submission01",
        device_id="device000001",
        created_at=datetime(2026, 11, 26, tzinfo=UTC),
        purpose="wound-check",
        blobs=(named,),
    )
    return Files(device, seal_manifest(manifest, device.signing, recipients).ciphertext, blob.ciphertext, size)


def flipped(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Copies with one bit flipped, at `count` places spread over the whole, from the first byte to the last."""
    chance = random.Random(seed)
    bits = len(data) * 8
    for number in range(count):
        bit = min(bits - 1, (number * bits + chance.randrange(bits)) // count)
        copy = bytearray(data)
        copy[bit // 8] ^= 1 << (bit % 8)
        yield bytes(copy)


def cut(data: bytes, odd: int, seed: int) -> Iterator[bytes]:
    """Cut at each page of the ciphertext and of the plaintext's, one byte to each side of it, and at `odd` places."""
    chance = random.Random(seed)
    payload = data.index(b"\n--- ") + len("\n--- ") + 43 + 1 + 16  # after the MAC and the nonce
    pages = [payload + number * (PAGE + 16) for number in range(len(data) // PAGE + 1)]
    pages += [number * PAGE for number in range(len(data) // PAGE + 1)]
    places = {place + step for place in pages for step in (-1, 0, 1)} | {
        chance.randrange(len(data)) for _ in range(odd)
    }
    for place in sorted(place for place in places if 0 <= place < len(data)):
        yield data[:place]


def main() -> int:
    files, missed = made(), 0
    for what, copies, opens in (
        ("manifest: one flipped bit", list(flipped(files.manifest, FLIPS // 2, 1)), files.manifest_opens),
        ("blob of 6 pages: one flipped bit", list(flipped(files.blob, FLIPS // 2, 2)), files.blob_opens),
        ("manifest: cut at odd places", list(cut(files.manifest, 1000, 3)), files.manifest_opens),
        ("blob: cut at each page and odd places", list(cut(files.blob, 1000, 4)), files.blob_opens),
    ):
        unseen = sum(opens(copy) for copy in copies)
        missed += unseen
        figure = f"{len(copies) - unseen:,} of {len(copies):,} noticed"
        print(json.dumps({"what": what, "figure": figure, "target": "all"}), flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
