"""One blob's try: its events are written as they come, and it can be cut at any moment without loss."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from app.net.errors import NetError, Refused
from app.offline.errors import BlobAltered, BlobMissing
from app.offline.ledger import Ledger
from app.offline.remaining import Speed
from app.offline.transfer import Event, Failed, FailureKind, Interrupted, Located, Lost, OutboxBlob, Progress, Stored
from app.offline.trouble import UploadFailed, failure_kind
from app.offline.uploader import Uploader, UploadJob
from app.wire.errors import ErrorCode

log = logging.getLogger(__name__)

TAKEN_BACK_ELSEWHERE = (
    "The clinic says that this was taken back. It stays saved here. "
    "Please call the clinic, or take it back here too and send it anew."
)


class Sending:
    """Sends blobs one after the other; `speed` is what the clinic's own words say about how fast, `heard` is called
    after each of them."""

    def __init__(self, ledger: Ledger, uploader: Uploader, heard: Callable[[], None] = lambda: None) -> None:
        self.speed = Speed()
        self.gained = 0
        """Bytes that the clinic has more since the last try began."""
        self._ledger = ledger
        self._uploader = uploader
        self._heard = heard

    async def run(self, job: UploadJob, cut: Callable[[], Awaitable[None]]) -> Event | NetError | UploadFailed:
        """Sends until it is done, fails, or `cut` returns. Returns the event that follows, or what went wrong."""
        self.speed, self.gained = self.speed.began(), 0
        upload = asyncio.ensure_future(self._uploader.send(job, Listener(self, self._ledger, job.row)))
        cutting = asyncio.ensure_future(cut())
        try:
            await asyncio.wait({upload, cutting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (upload, cutting):
                task.cancel()
            await asyncio.wait({upload, cutting})
        if not cutting.cancelled() and (error := cutting.exception()) is not None:
            raise error
        if upload.cancelled():
            return Interrupted()
        try:
            return Stored(upload.result())
        except (BlobMissing, BlobAltered) as exc:
            return Lost(str(exc))
        except (NetError, UploadFailed) as exc:
            return exc

    def heard(self, gained: int) -> None:
        """The clinic has `gained` bytes more."""
        self.gained += max(0, gained)
        self.speed = self.speed.acknowledged(max(0, gained), asyncio.get_running_loop().time())
        self._heard()


class Listener:
    """Writes the service's word into the row before the upload goes on."""

    def __init__(self, sending: Sending, ledger: Ledger, row: OutboxBlob) -> None:
        self._sending = sending
        self._ledger = ledger
        self._row = row
        self._offset = row.offset

    async def located(self, location: str, offset: int) -> None:
        await self._say(Located(location, offset), offset)

    async def progress(self, offset: int) -> None:
        await self._say(Progress(offset), offset)

    async def _say(self, event: Located | Progress, offset: int) -> None:
        await self._ledger.apply(self._row, event)
        self._sending.heard(offset - self._offset)
        self._offset = offset


def failed(exc: NetError | UploadFailed, now: float, jitter: float) -> Failed:
    """The event of a try that went wrong. That something was taken back is never the clinic's word alone to say."""
    if isinstance(exc, Refused) and exc.code is ErrorCode.WITHDRAWN:
        return Failed(FailureKind.REFUSED, now, jitter, TAKEN_BACK_ELSEWHERE)
    kind = failure_kind(exc)
    log.info("sending a blob failed: %s, %s", kind, type(exc).__name__)
    return Failed(kind, now, jitter, str(exc))
