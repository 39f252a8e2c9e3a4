"""The provider's side: fetch a complete submission, check who made it and every hash, open it in memory."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
from pydantic import ValidationError

from app.net.errors import BadAnswer, Unreachable
from app.offline.errors import OfflineError, SealBroken
from app.offline.keys import DeviceKeys
from app.offline.patch import Transport
from app.offline.vault import MAX_MANIFEST_BYTES, open_blob, open_manifest
from app.wire import API
from app.wire.intake import BlobRow, Inbox, InboxItem, Manifest, Opened, OpenedBy
from app.wire.signed import Context, sign

MAX_SUBMISSION_BYTES = 256 * 1024 * 1024
RANGE_BYTES = 256 * 1024
_TRIES = 3
_LIST_DEADLINE_S = 120.0  # as long as it may be, on a weak link


class SubmissionTooLarge(OfflineError):
    """More bytes than are opened in memory at once."""

    sentence = "This item is too large to be opened here."


class SubmissionIncomplete(OfflineError):
    """The blobs at the service are not those that the signed manifest names."""

    sentence = "Parts of this item are missing or do not belong to it."


@dataclass(frozen=True)
class OpenedPart:
    """One clear part, in memory alone. `media_type` and `name` are the sender's words: check before decoding."""

    blob: str
    name: str
    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class OpenedSubmission:
    """Verified: signed by `manifest.device_id`, every part as that device sealed it."""

    manifest: Manifest
    parts: tuple[OpenedPart, ...]


class InboxReader:
    """Reads the clinic's inbox for one provider's device."""

    def __init__(self, transport: Transport, device_id: str, keys: DeviceKeys) -> None:
        self._transport = transport
        self._device_id = device_id
        self._keys = keys

    async def rows(self) -> Inbox:
        """Complete submissions, newest first, as the service tells them (see Inbox). Raises app.net.errors."""
        response = await self._transport.request("GET", f"{API}/inbox", deadline=_LIST_DEADLINE_S)
        try:
            return Inbox.model_validate_json(response.content)
        except ValidationError as exc:
            raise BadAnswer(f"the inbox has {exc.error_count()} faults") from exc

    async def open(
        self,
        item: InboxItem,
        devices: Mapping[str, bytes],
        on_progress: Callable[[float], None] = lambda fraction: None,
    ) -> OpenedSubmission:
        """Fetches and opens a submission.

        `devices`: device id -> Ed25519 public key, each out of a root-signed DeviceRecord. `on_progress` gets 0..1.
        Raises :class:`SealBroken`, :class:`SubmissionIncomplete`, :class:`SubmissionTooLarge` or app.net.errors.
        """
        total = sum(row.size for row in item.blobs)
        if total > MAX_SUBMISSION_BYTES:
            raise SubmissionTooLarge(f"{total} bytes")
        done = 0

        def count(size: int) -> None:
            nonlocal done
            done += size
            on_progress(min(1.0, done / max(1, total)))

        manifest = await self.manifest(item, devices, count)
        rows = fitting_rows(item, manifest)
        parts = []
        for named in manifest.blobs:
            sealed = await self._download(item.submission, rows[named.blob], count)
            clear = await asyncio.to_thread(open_blob, sealed, self._keys.identity, named)
            parts.append(OpenedPart(named.blob, named.name, named.media_type, clear))
        return OpenedSubmission(manifest, tuple(parts))

    async def manifest(
        self, item: InboxItem, devices: Mapping[str, bytes], count: Callable[[int], None] = lambda size: None
    ) -> Manifest:
        """What a submission holds, verified, without its parts. `devices`, and what it raises, as :meth:`open`."""
        sealed = await self._download(item.submission, _manifest_row(item), count)
        manifest = await asyncio.to_thread(open_manifest, sealed, self._keys.identity, devices)
        fitting_rows(item, manifest)
        return manifest

    async def pieces(self, submission: str, row: BlobRow, start: int = 0) -> AsyncIterator[bytes]:
        """The ciphertext from the byte `start` on, by ranges (RFC 9110 section 14): a cut costs one range at most,
        and sizes are bounded. Raises app.net.errors."""
        path = f"{API}/submissions/{submission}/blobs/{row.blob}"
        while start < row.size:
            piece = await self._range(path, start, min(start + RANGE_BYTES, row.size) - 1, row.size)
            start += len(piece)
            yield piece

    async def mark_opened(self, submission: str) -> None:
        """Tells the clinic, by this device's signed word, that a person has opened the submission."""
        opened = Opened(submission=submission, device_id=self._device_id, opened_at=datetime.now(UTC))
        word = OpenedBy(signer=self._device_id, opened=sign(opened, Context.OPENED, self._keys.signing))
        await self._transport.request("POST", f"{API}/submissions/{submission}/opened", json=word)

    async def _download(self, submission: str, row: BlobRow, count: Callable[[int], None]) -> bytes:
        """The whole ciphertext."""
        data = bytearray()
        async for piece in self.pieces(submission, row):
            data += piece
            count(len(piece))
        return bytes(data)

    async def _range(self, path: str, first: int, last: int, size: int) -> bytes:
        for left in reversed(range(_TRIES)):
            try:
                response = await self._transport.request(
                    "GET",
                    path,
                    headers={"Range": f"bytes={first}-{last}"},
                    deadline=60.0 + (last - first + 1) / 250.0,
                    expect=(200, 206),
                )
                return _piece(response, first, last, size)
            except Unreachable:
                if not left:
                    raise
        raise AssertionError("the last try returns or raises")


def _piece(response: httpx.Response, first: int, last: int, size: int) -> bytes:
    data = response.content
    if response.status_code == 200 and first == 0 and len(data) == size:
        return data  # the service has sent it whole
    said = re.fullmatch(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15}|\*)", response.headers.get("Content-Range", ""))
    if response.status_code != 206 or said is None or (int(said[1]), int(said[2])) != (first, last):
        raise BadAnswer("another range than was asked for")
    if len(data) != last - first + 1:
        raise BadAnswer("the range has another length than it says")
    return data


def _manifest_row(item: InboxItem) -> BlobRow:
    manifests = [row for row in item.blobs if row.part == "manifest"]
    if len(manifests) != 1:
        raise SubmissionIncomplete(f"{len(manifests)} manifests")
    if manifests[0].size > 2 * MAX_MANIFEST_BYTES:
        raise SubmissionTooLarge("the manifest")
    return manifests[0]


def fitting_rows(item: InboxItem, manifest: Manifest) -> dict[str, BlobRow]:
    """Blob id -> row of the blobs that the manifest names: the same submission, device and hashes, none more, none
    fewer. Raises :class:`SealBroken` or :class:`SubmissionIncomplete`."""
    if (manifest.submission, manifest.device_id) != (item.submission, item.device_id):
        raise SealBroken("the manifest belongs to another submission or device")
    rows = {row.blob: row for row in item.blobs if row.part == "blob"}
    named = {blob.blob: blob.sha256 for blob in manifest.blobs}
    if len(named) != len(manifest.blobs) or {name: row.sha256 for name, row in rows.items()} != named:
        raise SubmissionIncomplete("the blobs are not those of the manifest")
    return rows
