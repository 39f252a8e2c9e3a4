"""Large files are sealed as a stream in a child process: in the same format, and nothing is left when it fails."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.offline import sealing, sealing_process
from app.offline.age import AgeIdentity, age_encrypt
from app.offline.errors import BlobMissing, DiskFull, OfflineError, SealBroken, WriteFailed
from app.offline.files import check_blob
from app.offline.sealing import (
    ContentTooLarge,
    Hashes,
    SealedFile,
    SealingFailed,
    open_file,
    open_pieces,
    reseal,
    save_opened,
    seal_file,
    seal_stream,
)
from app.offline.sealing_process import SealingProcess, Stop, Stopped
from app.offline.vault import open_sealed, padded_size, seal
from tests.offline.offline_kit import CANARY, every_byte

ME, OTHER, STRANGER = AgeIdentity.generate(), AgeIdentity.generate(), AgeIdentity.generate()
CLEAR = (CANARY + bytes(range(256))) * 2000


def pieces(data: bytes, size: int = 70_001) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SealedFile]:
    folder = tmp_path_factory.mktemp("blobs")
    return folder, seal_file(pieces(CLEAR), [ME.recipient, OTHER.recipient], folder)


@pytest.mark.parametrize("size", [0, 1, 1024, 1025, 65_536, 65_537, 300_000])
def test_a_stream_is_sealed_as_bytes_are(tmp_path: Path, size: int) -> None:
    clear = CLEAR[:size]
    sealed = seal_file(pieces(clear), [ME.recipient], tmp_path)
    in_memory = seal(clear, [ME.recipient])
    assert (sealed.clear_sha256, sealed.clear_size) == (in_memory.clear_sha256, in_memory.clear_size)
    check_blob(tmp_path, sealed.name, sealed.sha256, sealed.size)
    assert open_sealed((tmp_path / sealed.name).read_bytes(), ME, size) == clear
    (tmp_path / "m").write_bytes(in_memory.ciphertext)
    assert open_file(tmp_path / "m", ME, Hashes(in_memory.sha256, in_memory.clear_sha256, size), 1 << 20) == clear


def test_it_opens_for_each_recipient_and_nobody_else(kept: tuple[Path, SealedFile]) -> None:
    folder, sealed = kept
    assert os.listdir(folder) == [sealed.name]
    assert CANARY not in every_byte(folder)
    for identity in (ME, OTHER):
        assert open_file(folder / sealed.name, identity, sealed.hashes, len(CLEAR)) == CLEAR
    with pytest.raises(SealBroken):
        open_file(folder / sealed.name, STRANGER, sealed.hashes, len(CLEAR))
    with pytest.raises(ContentTooLarge):
        open_file(folder / sealed.name, ME, sealed.hashes, len(CLEAR) - 1)


@pytest.mark.parametrize(
    "lie",
    [
        {"sha256": "0" * 64},
        {"clear_sha256": "0" * 64},
        {"clear_size": len(CLEAR) - 1},
        {"clear_size": len(CLEAR) + 1},
        {"clear_size": 3},
        {"clear_size": 10 * len(CLEAR)},
    ],
)
def test_what_is_not_as_the_manifest_says_is_refused(
    kept: tuple[Path, SealedFile], tmp_path: Path, lie: dict[str, object]
) -> None:
    folder, sealed = kept
    said = Hashes(**{**vars(sealed.hashes), **lie})  # type: ignore[arg-type]
    (tmp_path / "there").write_text("before")
    with pytest.raises(SealBroken):
        save_opened(folder / sealed.name, ME, said, tmp_path / "there")
    assert os.listdir(tmp_path) == ["there"]
    assert (tmp_path / "there").read_text() == "before"


def test_a_place_that_a_person_named_gets_it_whole(kept: tuple[Path, SealedFile], tmp_path: Path) -> None:
    folder, sealed = kept
    save_opened(folder / sealed.name, ME, sealed.hashes, tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").read_bytes() == CLEAR
    assert (tmp_path / "clip.mp4").stat().st_mode & 0o077 == 0


def test_dirty_padding_is_noticed(tmp_path: Path) -> None:
    data = age_encrypt(b"abc".ljust(1023, b"\0") + b"x", [ME.recipient])
    (tmp_path / "f").write_bytes(data)
    sound = seal(b"abc", [ME.recipient])
    with pytest.raises(SealBroken, match="damaged or altered"):
        open_file(tmp_path / "f", ME, Hashes(sound.sha256, sound.clear_sha256, 3), 100)


def test_the_largest_content_fits_into_a_blob() -> None:
    from app.wire.intake import MAX_BLOB_BYTES

    padded = padded_size(sealing.MAX_CLEAR_BYTES)
    assert padded + 16 * (padded // 65536 + 1) + 200 * 200 < MAX_BLOB_BYTES


def test_too_much_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "MAX_CLEAR_BYTES", 300_000)
    with pytest.raises(ContentTooLarge):
        seal_file(pieces(CLEAR), [ME.recipient], tmp_path)
    assert os.listdir(tmp_path) == []


def test_bad_recipients_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="recipient"):
        seal_file(pieces(CLEAR), [], tmp_path)
    with pytest.raises(SealingFailed):
        seal_file(pieces(CLEAR), ["age1nonsense"], tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_source_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def source() -> Iterator[bytes]:
        yield CLEAR
        raise KeyError("camera")

    with pytest.raises(KeyError):
        seal_file(source(), [ME.recipient], tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The process ids of the children that are started."""
    found: list[int] = []
    start = SealingProcess.__enter__

    def enter(self: SealingProcess) -> SealingProcess:
        found.append(self.pid)
        return start(self)

    monkeypatch.setattr(SealingProcess, "__enter__", enter)
    return found


def gone(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return False
    return True


@pytest.mark.parametrize("after", [0, 1, 5])
def test_the_death_of_the_child_leaves_nothing(tmp_path: Path, children: list[int], after: int) -> None:
    def source() -> Iterator[bytes]:
        for number, piece in enumerate(pieces(CLEAR)):
            if number == after:
                os.kill(children[0], signal.SIGKILL)
            yield piece

    with pytest.raises(SealingFailed):
        seal_file(source(), [ME.recipient], tmp_path)
    assert os.listdir(tmp_path) == []
    assert gone(children[0])


def test_the_death_of_the_child_while_opening_is_no_content(
    kept: tuple[Path, SealedFile], tmp_path: Path, children: list[int]
) -> None:
    folder, sealed = kept
    found = open_pieces(folder / sealed.name, ME, sealed.hashes)
    next(found)
    os.kill(children[0], signal.SIGKILL)
    with pytest.raises(SealBroken):
        list(found)
    assert gone(children[0])


def test_opening_that_is_given_up_ends_the_child(kept: tuple[Path, SealedFile], children: list[int]) -> None:
    folder, sealed = kept
    found = open_pieces(folder / sealed.name, ME, sealed.hashes)
    next(found)
    found.close()  # type: ignore[attr-defined]
    assert gone(children[0])


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, children: list[int]) -> None:
    with pytest.raises(BlobMissing):
        open_file(tmp_path / "none", ME, Hashes("", "", 0), 10)
    assert children == []


def test_cancelled_it_leaves_nothing(tmp_path: Path, children: list[int]) -> None:
    async def scenario() -> None:
        begun, go_on, loop = asyncio.Event(), threading.Event(), asyncio.get_running_loop()

        def source() -> Iterator[bytes]:
            yield CLEAR
            loop.call_soon_threadsafe(begun.set)
            assert go_on.wait(30)
            yield CLEAR

        task = asyncio.create_task(seal_stream(source(), [ME.recipient], tmp_path))
        await begun.wait()
        task.cancel()
        loop.call_later(0.05, go_on.set)
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())
    assert os.listdir(tmp_path) == []
    assert gone(children[0])


def test_in_the_loop_it_seals(tmp_path: Path) -> None:
    sealed = asyncio.run(seal_stream(pieces(CLEAR), [ME.recipient], tmp_path))
    assert open_file(tmp_path / sealed.name, ME, sealed.hashes, len(CLEAR)) == CLEAR


def test_stopped_before_it_began(tmp_path: Path) -> None:
    stop = Stop()
    stop.set()
    with pytest.raises(Stopped):
        seal_file(pieces(CLEAR), [ME.recipient], tmp_path, stop)
    assert os.listdir(tmp_path) == []


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing_process, "MAX_BLOB_BYTES", 100_000)  # EFBIG, which is told as a full disk is
    with pytest.raises(DiskFull):
        seal_file(pieces(CLEAR), [ME.recipient], tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_fails_at_the_end_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "I/O error")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(WriteFailed):
        seal_file(pieces(CLEAR), [ME.recipient], tmp_path)
    assert os.listdir(tmp_path) == []


def test_sealed_anew_it_opens_for_the_new_team_alone(kept: tuple[Path, SealedFile], tmp_path: Path) -> None:
    folder, sealed = kept
    again = reseal(sealed, ME, [ME.recipient, STRANGER.recipient], folder)
    try:
        assert (again.clear_sha256, again.clear_size) == (sealed.clear_sha256, sealed.clear_size)
        assert again.sha256 != sealed.sha256
        for identity in (ME, STRANGER):
            assert open_file(folder / again.name, identity, again.hashes, len(CLEAR)) == CLEAR
        with pytest.raises(SealBroken):
            open_file(folder / again.name, OTHER, again.hashes, len(CLEAR))
        assert (folder / sealed.name).exists()
    finally:
        (folder / again.name).unlink()


def _cut(data: bytes) -> bytes:
    return data[:-70_000]


def _flip(data: bytes) -> bytes:
    return data[:400_000] + bytes([data[400_000] ^ 1]) + data[400_001:]


@pytest.mark.parametrize("damage", [_cut, _flip])
def test_a_damaged_file_is_not_sealed_anew(
    kept: tuple[Path, SealedFile], tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    folder, sealed = kept
    (tmp_path / sealed.name).write_bytes(damage((folder / sealed.name).read_bytes()))
    with pytest.raises(OfflineError):
        reseal(sealed, ME, [ME.recipient], tmp_path)
    assert os.listdir(tmp_path) == [sealed.name]
