"""The clinic's intake as a model on the virtual clock: what app/clinic does, with every fault a link can have.

It keeps what the real one keeps: uploads by (submission, blob), bytes counted only once synced, one receipt a blob,
409 for another offset, 404 for what it forgot. A restart loses what was not synced. Faults come from one seed.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import random
from collections.abc import AsyncIterable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx

from app.net.errors import CertificateMismatch
from app.wire.errors import ErrorCode
from app.wire.intake import Receipt, SubmissionRow, SubmissionRows, UploadMetadata
from app.wire.signed import Context, sign
from tests.offline.offline_kit import NOW, PATIENT, Clinic
from tests.soak.adapter import BadAnswer, NetError, NotTheClinic, Refused, Unreachable
from tests.soak.campaign import Tally
from tests.virtual_loop import passes

FAULTS = (
    "lost before", "lost after", "cut", "stall", "trickle", "doubled", "again later", "portal", "certificate",
    "no sense", "500", "502", "503", "507", "401", "403", "429", "404", "410", "409", "423", "413", "422",
    "forged receipt", "restart", "forgotten",
)  # fmt: skip
_STATUS = {
    "500": ErrorCode.INTERNAL, "502": ErrorCode.INTERNAL, "503": ErrorCode.INTERNAL, "507": ErrorCode.STORAGE_FULL,
    "401": ErrorCode.TOKEN_INVALID, "403": ErrorCode.NOT_ALLOWED, "429": ErrorCode.TOO_MANY_TRIES,
    "404": ErrorCode.NOT_FOUND, "410": ErrorCode.NOT_FOUND, "409": ErrorCode.OFFSET_MISMATCH,
    "423": ErrorCode.OFFSET_MISMATCH, "413": ErrorCode.TOO_LARGE, "422": ErrorCode.HASH_MISMATCH,
}  # fmt: skip


@dataclass
class Held:
    """One upload as the service holds it. `data` is written, `synced` bytes of it are on the disk and counted."""

    meta: UploadMetadata
    length: int
    data: bytearray = field(default_factory=bytearray)
    synced: int = 0
    receipt: bytes = b""


@dataclass
class Weather:
    """How bad it is: the chance of a fault at an exchange, the link's bytes a second, and whether there is a link."""

    fault: float = 0.0
    rate: float = 50_000.0
    delay: float = 0.1
    online: bool = True
    kinds: tuple[str, ...] = FAULTS


class ModelClinic:
    """Stands in for ClinicHttp (the Transport of the uploader and the worker)."""

    def __init__(self, clinic: Clinic, rng: random.Random, tally: Tally) -> None:
        self.clinic = clinic
        self.weather = Weather()
        self.uploads: dict[str, Held] = {}
        self.exchanges: list[float] = []  # when each began, for the watch over busy loops
        self.last_offline = False  # the last exchange found no link
        self.progressed: list[float] = []
        self.violations: list[str] = []
        self.withdrawn: set[str] = set()
        self._rng = rng
        self._tally = tally
        self._names = 0
        self._later: set[asyncio.TimerHandle] = set()

    # what the campaign looks at

    def whole(self) -> dict[str, dict[str, str]]:
        """Complete submissions: blob id -> SHA-256 of what was received."""
        found: dict[str, dict[str, str]] = {}
        for held in self.uploads.values():
            if held.receipt:
                found.setdefault(held.meta.submission, {})[held.meta.blob] = held.meta.sha256
        counts = {held.meta.submission: held.meta.count for held in self.uploads.values()}
        return {name: blobs for name, blobs in found.items() if len(blobs) == counts[name]}

    # the transport

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | AsyncIterable[bytes] | None = None,
        json: object = None,
        deadline: float = 20.0,
        expect: Collection[int] = (200, 201, 204),
        max_bytes: int = 0,
    ) -> httpx.Response:
        try:
            async with asyncio.timeout(deadline):
                response = await self._exchange(method, path, dict(headers or {}), content)
        except TimeoutError as exc:
            self.last_offline = True
            raise Unreachable("no answer in time") from exc
        except NetError as exc:
            self.last_offline = isinstance(exc, Unreachable | NotTheClinic | CertificateMismatch)
            raise
        self.last_offline = False
        if response.status_code not in expect:
            raise Refused(response.status_code, ErrorCode(response.headers.get("Code", ErrorCode.INTERNAL)))
        return response

    async def _exchange(
        self, method: str, path: str, headers: dict[str, str], content: bytes | AsyncIterable[bytes] | None
    ) -> httpx.Response:
        self.exchanges.append(asyncio.get_running_loop().time())
        fault = self._fault()
        await passes(self.weather.delay * self._rng.uniform(0.5, 1.5))
        if not self.weather.online or fault == "lost before":
            raise Unreachable("no link")
        if fault == "portal":
            raise NotTheClinic("a page")
        if fault == "certificate":
            raise CertificateMismatch("another's")
        if fault == "stall":
            await passes(10 * 86400)
        if fault == "forgotten":
            self._forget_one()
        if fault in _STATUS and self._is_early(fault):
            return self._instead(fault)
        body = await self._body(method, path, headers, content, fault)
        answer = self._answer(method, path, headers, body, fault)
        if fault == "restart":
            self._restart()
        if fault == "doubled":
            self._answer(method, path, headers, body, fault)
        if fault == "again later":
            self._repeat_later(method, path, headers, body)
        await passes(self.weather.delay * self._rng.uniform(0.5, 1.5))
        if fault in ("lost after", "cut", "restart") or not self.weather.online:
            raise Unreachable("the answer is lost")
        if fault in _STATUS:
            return self._instead(fault)
        if fault == "no sense":
            return self._nonsense(answer)
        return answer

    def _fault(self) -> str:
        if self._rng.random() >= self.weather.fault:
            return ""
        fault = self._rng.choice(self.weather.kinds)
        self._tally[f"x {fault}"] += 1
        return fault

    def _is_early(self, fault: str) -> bool:
        """Refused before anything was done, or after it was (then the answer lies, as a proxy's does)."""
        return fault in ("401", "403", "413") or self._rng.random() < 0.5

    async def _body(
        self, method: str, path: str, headers: dict[str, str], content: bytes | AsyncIterable[bytes] | None, fault: str
    ) -> bytes:
        """Takes the body piece by piece. A cut one leaves at the service what was synced of it."""
        if content is None or isinstance(content, bytes):
            return content or b""
        held = self.uploads.get(path.rsplit("/", 1)[-1])
        offset = int(headers["Upload-Offset"])
        fits = held is not None and offset == held.synced and not held.receipt
        length = int(headers["Content-Length"])
        cut_at = self._rng.randrange(length + 1) if fault == "cut" else length + 1
        rate = self.weather.rate / (400 if fault == "trickle" else 1)
        body = bytearray()
        async for piece in content:
            await passes(len(piece) / rate)
            body += piece
            if not self.weather.online or len(body) >= cut_at:
                if held is not None and fits and held.synced == offset:
                    self._append(held, bytes(body[: self._rng.randrange(min(len(body), cut_at) + 1)]))
                raise Unreachable("cut")
        return bytes(body)

    def _append(self, held: Held, data: bytes) -> None:
        del held.data[held.synced :]
        held.data += data[: held.length - held.synced]
        held.synced = len(held.data)
        if data:
            self.progressed.append(asyncio.get_running_loop().time())

    def _restart(self) -> None:
        """What the last exchange wrote and did not sync is lost; what was receipted is not."""
        for held in self.uploads.values():
            if not held.receipt and held.synced:
                held.synced = self._rng.randrange(held.synced + 1)
                del held.data[held.synced :]

    def _forget_one(self) -> None:
        """An upload that is not whole has expired."""
        unfinished = [name for name, held in self.uploads.items() if not held.receipt]
        if unfinished:
            del self.uploads[self._rng.choice(unfinished)]

    def _repeat_later(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        """The same request arrives once more, behind later ones; nobody reads its answer."""
        loop = asyncio.get_running_loop()
        loop.call_later(self._rng.uniform(0.1, 30.0), lambda: self._answer(method, path, headers, body, ""))

    def _instead(self, fault: str) -> httpx.Response:
        status = int(fault)
        if status in (401, 403, 429) or status >= 500:
            raise Refused(status, _STATUS[fault])
        return httpx.Response(status)

    def _nonsense(self, answer: httpx.Response) -> httpx.Response:
        if self._rng.random() < 0.5:
            raise BadAnswer("no sense")
        headers = dict(answer.headers)
        headers["Upload-Offset"] = self._rng.choice(["-1", "999999999", "x", "", "1e3"])
        headers["Location"] = self._rng.choice(["/elsewhere", "https://other.example/v1/uploads/abc", ""])
        return httpx.Response(answer.status_code, headers=headers, content=answer.content)

    # the service

    def _answer(self, method: str, path: str, headers: dict[str, str], body: bytes, fault: str) -> httpx.Response:
        name = path.removesuffix("/receipt").rsplit("/", 1)[-1]
        if method == "POST" and path == "/v1/uploads":
            return self._create(headers)
        if method == "GET" and path == "/v1/submissions":
            return self._rows()
        if path.endswith("/withdrawn"):
            return self._withdraw(path.split("/")[-2])
        held = self.uploads.get(name)
        if held is None:
            return httpx.Response(404)
        if method == "HEAD":
            return httpx.Response(200, headers=_offsets(held))
        if method == "PATCH":
            return self._patch(held, int(headers["Upload-Offset"]), body)
        if path.endswith("/receipt"):
            return self._receipt(held, fault)
        raise AssertionError(f"{method} {path}")

    def _withdraw(self, submission: str) -> httpx.Response:
        self.withdrawn.add(submission)
        self.uploads = {name: held for name, held in self.uploads.items() if held.meta.submission != submission}
        self.progressed.append(asyncio.get_running_loop().time())
        return httpx.Response(204)

    def _create(self, headers: dict[str, str]) -> httpx.Response:
        pairs = (pair.split(" ") for pair in headers["Upload-Metadata"].split(","))
        values = {key: base64.b64decode(value).decode() for key, value in pairs}
        meta = UploadMetadata.model_validate({**values, "count": int(values["count"])})
        length = int(headers["Upload-Length"])
        if meta.submission in self.withdrawn:
            return httpx.Response(410, headers={"Code": ErrorCode.WITHDRAWN.value})
        for name, held in self.uploads.items():
            if (held.meta.submission, held.meta.blob) == (meta.submission, meta.blob):
                if (held.meta, held.length) != (meta, length):
                    self.violations.append(f"{meta.blob} was declared anew and otherwise")
                    return httpx.Response(409)
                return httpx.Response(200, headers={"Location": f"/v1/uploads/{name}", **_offsets(held)})
        self._names += 1
        name = f"upload{self._names}"
        self.uploads[name] = Held(meta, length)
        return httpx.Response(201, headers={"Location": f"/v1/uploads/{name}"})

    def _patch(self, held: Held, offset: int, body: bytes) -> httpx.Response:
        if offset != held.synced:
            return httpx.Response(409, headers=_offsets(held))
        self._append(held, body)
        if held.synced == held.length and not held.receipt:
            if hashlib.sha256(held.data).hexdigest() != held.meta.sha256:
                self.violations.append(f"{held.meta.blob}: other bytes arrived than were declared")
                held.data.clear()
                held.synced = 0
                return httpx.Response(422)
            held.receipt = self._sign(held, self.clinic.receipt)
        return httpx.Response(204, headers=_offsets(held))

    def _sign(self, held: Held, key: object, **changes: object) -> bytes:
        meta = held.meta
        said = {"submission": meta.submission, "blob": meta.blob, "sha256": meta.sha256, "size": held.length}
        receipt = Receipt.model_validate({**said, "device_id": PATIENT, "received_at": NOW, **changes})
        return sign(receipt, Context.RECEIPT, key).model_dump_json().encode()  # type: ignore[arg-type]

    def _receipt(self, held: Held, fault: str) -> httpx.Response:
        if fault == "forged receipt":
            return httpx.Response(200, content=self._sign(held, self.clinic.root))
        return httpx.Response(200, content=held.receipt) if held.receipt else httpx.Response(404)

    def _rows(self) -> httpx.Response:
        whole = self.whole()
        names = {held.meta.submission for held in self.uploads.values()}
        rows = tuple(SubmissionRow(submission=name, complete=name in whole) for name in sorted(names))
        return httpx.Response(200, content=SubmissionRows(submissions=rows).model_dump_json().encode())


def _offsets(held: Held) -> dict[str, str]:
    return {"Upload-Offset": str(held.synced), "Upload-Length": str(held.length)}


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
