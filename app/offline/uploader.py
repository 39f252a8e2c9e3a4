"""A tus 1.0 client (tus.io): the service's offset is the truth, its signed receipt over the SHA-256 the end."""

from __future__ import annotations

import asyncio
import base64
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import urlsplit

import httpx

from app.net.errors import BadAnswer, NetError, Refused, Unreachable
from app.offline.allowance import Allowance
from app.offline.errors import BlobMissing
from app.offline.files import check_blob
from app.offline.outbox import OutboxBlob
from app.offline.patch import Patience, Transport, next_chunk, stream_patch
from app.offline.receipts import check_receipt
from app.offline.trouble import Conflict, HashMismatch, NoReceiptYet, NotReceipted, Stalled, TooLargeForClinic
from app.wire import API
from app.wire.intake import TUS_VERSION, UploadMetadata

SMALL_BYTES = 16 * 1024
_DEADLINE_S = 30.0
_BARREN_ROUNDS = 3
_TUS = {"Tus-Resumable": TUS_VERSION}
_GONE = (404, 410)


@dataclass(frozen=True)
class UploadJob:
    """A blob to send. `count` blobs make its submission; the last two are for checking the receipt."""

    row: OutboxBlob
    count: int
    device_id: str
    receipt_key: bytes


@dataclass(frozen=True)
class TusServer:
    """What is on the other side. `path`: where uploads are created; `receipts`: it signs them (ours alone does).

    `asks`: a HEAD beside a running PATCH is answered and does not end it (npm `@tus/server` ends it), so the rest of
    a file goes in one PATCH. `filetype`: it wants that metadata (PyPI `tuspyserver` answers HEAD with 400 without).
    """

    path: str = f"{API}/uploads"
    receipts: bool = True
    asks: bool = True
    filetype: bool = False

    def location(self, response: httpx.Response) -> str:
        """The path of the new upload; whatever host the answer names, we stay with our clinic."""
        path = urlsplit(str(response.headers.get("Location", ""))).path
        if not re.fullmatch(rf"{re.escape(self.path)}/[A-Za-z0-9_-]{{1,64}}", path):
            raise BadAnswer("the upload's location is not one")
        return path


CLINIC = TusServer()


class UploadListener(Protocol):
    """Who writes down what the service says; awaited before the upload goes on."""

    async def located(self, location: str, offset: int) -> None: ...
    async def progress(self, offset: int) -> None: ...


class Uploader:
    """Sends one blob at a time out of the profile's blobs folder."""

    def __init__(
        self,
        transport: Transport,
        blobs: Path,
        allowance: Allowance,
        patience: Patience | None = None,
        server: TusServer = CLINIC,
    ) -> None:
        self.server = server
        self.transport = transport
        self.allowance = allowance
        self.patience = patience or Patience()
        self._blobs = blobs

    async def send(self, job: UploadJob, listener: UploadListener) -> bytes:
        """Uploads or resumes, and returns the checked receipt (Signed as JSON).

        Raises :class:`BlobMissing` and :class:`BlobAltered` (the local file), kinds of :class:`UploadFailed`,
        and what the transport raises (app.net.errors). Nothing local is changed. A server without receipts ends in
        :class:`NotReceipted` once it has all the bytes: what it took is never stored for sure.
        """
        row = job.row
        try:
            await asyncio.to_thread(check_blob, self._blobs, row.file, row.sha256, row.size)
        except BlobMissing:
            return await self._had_already(job, listener)
        # Not in a thread: cancelled meanwhile, the open file would be nobody's. Opening takes microseconds.
        with open(self._blobs / row.file, "rb") as file:  # noqa: ASYNC230
            sending = _Sending(self, job, listener, file)
            await sending.find()
            await sending.send_rest()
        if not self.server.receipts:
            raise NotReceipted(row.blob)
        return await sending.receipt()

    async def _had_already(self, job: UploadJob, listener: UploadListener) -> bytes:
        """The receipt, if the clinic has all of a file that is missing here. Raises as :meth:`send`."""
        sending = _Sending(self, job, listener, io.BytesIO())
        await sending.find()
        if not self.server.receipts or not sending.whole:
            raise BlobMissing(job.row.file)
        return await sending.receipt()


class _Sending:
    """One run of one upload: where it is, and the requests that move it on."""

    def __init__(self, uploader: Uploader, job: UploadJob, listener: UploadListener, file: BinaryIO) -> None:
        self._uploader = uploader
        self._transport = uploader.transport
        self._job = job
        self._row = job.row
        self._listener = listener
        self._file = file
        self._location = job.row.location
        self._offset = 0

    async def find(self) -> None:
        """Asks by HEAD where the upload stands, or creates it (anew)."""
        if self._location and await self._ask():
            return
        await self._create()

    @property
    def whole(self) -> bool:
        """Whether the clinic has all the bytes."""
        return self._offset == self._row.size

    async def send_rest(self) -> None:
        clock = asyncio.get_running_loop().time
        rate: float | None = None
        barren = 0
        while self._offset < self._row.size:
            before, began = self._offset, clock()
            rest = self._row.size - before
            await self._push(rest if self._uploader.server.asks else next_chunk(rest, rate))
            gained = self._offset - before
            rate = gained / max(clock() - began, 1e-3) if gained > 0 else rate
            barren = 0 if gained > 0 else barren + 1
            if barren >= _BARREN_ROUNDS:
                raise Stalled(f"{barren} rounds without progress at {self._offset}")

    async def receipt(self) -> bytes:
        response = await self._request("GET", f"{self._location}/receipt", expect=(200, *_GONE))
        if response.status_code != 200:
            raise NoReceiptYet(self._location)
        return check_receipt(response.content, self._row, self._job.device_id, self._job.receipt_key)

    async def _push(self, size: int) -> None:
        """One PATCH; after anything but a clean answer the service is asked where it stands."""
        uploader = self._uploader
        try:
            response = await stream_patch(
                self._transport,
                self._location,
                self._file,
                self._offset,
                size,
                uploader.allowance,
                uploader.patience,
                self if uploader.server.asks else None,
            )
        except (Unreachable, Stalled):
            await self._ask_or_create()
            return
        except Refused as refused:
            if refused.status != 401:
                raise
            await self._ask_or_create()  # the token ran out under a stream: the next request signs in anew
            return
        if response.status_code == 204:
            await self._moved_to(_number(response, "Upload-Offset"))
        elif response.status_code == 422:
            await self._ask()
            raise HashMismatch(self._location)
        else:
            await self._ask_or_create()

    async def ask(self) -> int | None:
        """Beside a PATCH: how far it has come; None when that cannot be learned at the moment."""
        try:
            response = await self._request("HEAD", self._location, expect=(200, 204))
            offset = _number(response, "Upload-Offset")
        except NetError:
            return None
        return offset if self._offset <= offset <= self._row.size else None

    async def note(self, offset: int) -> None:
        await self._listener.progress(offset)

    async def _ask_or_create(self) -> None:
        if not await self._ask():
            await self._create()

    async def _ask(self) -> bool:
        """HEAD. False: the service does not know this upload (any more)."""
        response = await self._request("HEAD", self._location, expect=(200, 204, *_GONE))
        if response.status_code in _GONE:
            return False
        if _number(response, "Upload-Length", self._row.size) != self._row.size:
            raise BadAnswer("the upload at the clinic has another length")
        await self._moved_to(_number(response, "Upload-Offset"))
        return True

    async def _moved_to(self, offset: int) -> None:
        if not 0 <= offset <= self._row.size:
            raise BadAnswer(f"offset {offset} of {self._row.size}")
        self._offset = offset
        await self._listener.progress(offset)

    async def _create(self) -> None:
        row = self._row
        metadata = UploadMetadata(
            submission=row.submission, blob=row.blob, part=row.part, sha256=row.sha256, count=self._job.count
        )
        server, extra = self._uploader.server, {}
        if server.filetype:
            extra = {"filename": row.blob, "filetype": "application/octet-stream"}
        headers = {"Upload-Length": str(row.size), "Upload-Metadata": encode_metadata(metadata, extra)}
        content = await asyncio.to_thread(self._small)
        if content:  # creation-with-upload: saves a round trip
            headers["Content-Type"] = "application/offset+octet-stream"
        headers["Content-Length"] = str(len(content))
        response = await self._request(
            "POST", server.path, headers=headers, expect=(200, 201, 409, 413), content=content or None
        )
        if response.status_code == 409:
            raise Conflict(row.blob)
        if response.status_code == 413:
            raise TooLargeForClinic(row.blob)
        self._location = server.location(response)
        self._offset = _number(response, "Upload-Offset", 0)
        if not 0 <= self._offset <= row.size:
            raise BadAnswer(f"offset {self._offset} of {row.size}")
        await self._listener.located(self._location, self._offset)

    def _small(self) -> bytes:
        """The whole of a small file; nothing of a larger one, or while a visit has the link."""
        if self._row.size > SMALL_BYTES or self._uploader.allowance.rate is not None:
            return b""
        self._file.seek(0)
        return self._file.read(self._row.size)

    async def _request(
        self,
        method: str,
        path: str,
        *,
        expect: tuple[int, ...],
        headers: dict[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        send = _TUS | (headers or {})
        deadline = _DEADLINE_S + len(content or b"") / 250.0
        return await self._transport.request(
            method, path, headers=send, deadline=deadline, expect=expect, content=content
        )


def encode_metadata(metadata: UploadMetadata, extra: Mapping[str, str] | None = None) -> str:
    """The tus Upload-Metadata header: `key base64(value)`, comma-separated (tus 1.0, Creation)."""
    return ",".join(
        f"{name} {base64.b64encode(str(value).encode()).decode('ascii')}"
        for name, value in {**metadata.model_dump(mode="json"), **(extra or {})}.items()
    )


def _number(response: httpx.Response, name: str, default: int | None = None) -> int:
    text = response.headers.get(name)
    if text is None and default is not None:
        return default
    if text is None or not re.fullmatch(r"[0-9]{1,15}", text):
        raise BadAnswer(f"no {name} in the answer")
    return int(text)
