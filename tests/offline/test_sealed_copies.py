"""Sealed files under review: a cut goes on where it was, damage is found, nothing in clear is on the disk."""

from __future__ import annotations

import asyncio
import hashlib
import stat

import pytest

from app.net.errors import Unreachable
from app.offline.age import AgeIdentity
from app.offline.errors import SealBroken
from app.offline.inbox import RANGE_BYTES
from app.offline.keys import DeviceKeys
from app.offline.sealed_copies import IN_MEMORY_BYTES, SealedCopies, open_copy
from app.offline.vault import seal
from app.wire.intake import BlobRow, ManifestBlob

SUBMISSION, BLOB = "submission01", "blob00000001"


class Reader:
    """Gives the bytes by ranges, and cuts after so many of them."""

    def __init__(self, data: bytes, cut_after: int = 99) -> None:
        self.data, self.cut_after, self.starts = data, cut_after, []

    async def pieces(self, submission, row, start=0):
        self.starts.append(start)
        for number, at in enumerate(range(start, len(self.data), RANGE_BYTES)):
            if number >= self.cut_after:
                raise Unreachable("cut")
            yield self.data[at : at + RANGE_BYTES]


def row_of(data: bytes) -> BlobRow:
    return BlobRow(blob=BLOB, part="blob", sha256=hashlib.sha256(data).hexdigest(), size=len(data))


def sealed(size: int) -> tuple[bytes, AgeIdentity, ManifestBlob, bytes]:
    keys, clear = DeviceKeys.generate(), bytes(range(256)) * (size // 256)
    made = seal(clear, [keys.age_recipient])
    named = ManifestBlob(
        blob=BLOB, sha256=made.sha256, size=len(clear), media_type="image/jpeg", clear_sha256=made.clear_sha256
    )
    return made.ciphertext, keys.identity, named, clear


@pytest.mark.parametrize("size", [3 * RANGE_BYTES, IN_MEMORY_BYTES + 4096])
def test_a_cut_goes_on_where_it_was_and_it_opens(tmp_path, size):
    data, identity, named, clear = sealed(size)
    reader, sizes = Reader(data, cut_after=2), []

    async def run():
        copies = SealedCopies(tmp_path / "review", reader)
        with pytest.raises(Unreachable):
            await copies.fetch(SUBMISSION, row_of(data), sizes.append)
        reader.cut_after = 99
        again = SealedCopies(tmp_path / "review", reader)  # as after the end of the app
        path = await again.fetch(SUBMISSION, row_of(data), sizes.append)
        assert reader.starts == [0, 2 * RANGE_BYTES]
        assert sizes == sorted(sizes)
        assert path.read_bytes() == data
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert await again.fetch(SUBMISSION, row_of(data), sizes.append) == path
        assert len(reader.starts) == 2, "what is here is not fetched again"
        assert await asyncio.to_thread(open_copy, path, identity, named) == clear

    asyncio.run(run())


def test_damage_is_found_and_fetched_anew(tmp_path):
    data, identity, named, clear = sealed(4096)
    reader = Reader(bytes([data[0] ^ 1]) + data[1:])

    async def run():
        copies = SealedCopies(tmp_path / "review", reader)
        with pytest.raises(SealBroken):
            await copies.fetch(SUBMISSION, row_of(data), lambda size: None)
        reader.data = data
        path = await copies.fetch(SUBMISSION, row_of(data), lambda size: None)
        path.write_bytes(data[:-1])  # the disk lost a byte
        with pytest.raises(SealBroken):
            open_copy(path, identity, named)
        copies.forget(SUBMISSION, BLOB)
        path = await copies.fetch(SUBMISSION, row_of(data), lambda size: None)
        assert open_copy(path, identity, named) == clear
        copies.keep_only({"another00001"})
        assert not path.exists()

    asyncio.run(run())
