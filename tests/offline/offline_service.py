"""A small clinic over real sockets that can cut, stall, refuse, forget and forge on demand."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import re
import secrets
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.wire import PROTOCOL_HEADER, PROTOCOL_VERSION
from app.wire.base import b64encode
from app.wire.intake import Opened, OpenedBy, Receipt, SubmissionRow, SubmissionRows, UploadMetadata, WithdrawnBy
from app.wire.signed import Context, sign
from tests.offline.offline_kit import NOW, PATIENT, PROVIDER, Clinic

Action = Literal["cut", "stall", "status", "portal", "drop-answer", "run"]


@dataclass
class Fault:
    """Once, at the next request with this method whose path fits: what to do instead of, or after, serving it."""

    method: str
    action: Action
    path: str = ""
    after: int = 0  # bytes of the body that are taken before a cut or stall
    status: int = 500
    code: str = "internal"
    run: Callable[[], None] = lambda: None


@dataclass
class Upload:
    meta: UploadMetadata
    length: int
    data: bytearray = field(default_factory=bytearray)
    receipt: bytes | None = None


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]


class ScriptedClinic:
    """`uploads` by id; `faults` are used up in order; `seen` lists "METHOD path" of every request."""

    def __init__(self, clinic: Clinic) -> None:
        self.clinic = clinic
        self.uploads: dict[str, Upload] = {}
        self.blobs: dict[tuple[str, str], bytes] = {}  # what inbox readers may fetch
        self.faults: list[Fault] = []
        self.seen: list[str] = []
        self.opened: dict[str, OpenedBy] = {}
        self.withdrawn: dict[str, WithdrawnBy] = {}
        self.receipt_key: Ed25519PrivateKey = clinic.receipt
        self.receipt_changes: dict[str, object] = {}
        self.serve_ranges = True
        self.url = ""
        self.stalled = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[ScriptedClinic]:
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0, limit=1 << 16)
        port = server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        try:
            yield self
        finally:
            server.close()
            for writer in list(self._writers):
                writer.close()
            if self._tasks:
                await asyncio.wait(self._tasks)
            await server.wait_closed()

    @contextlib.contextmanager
    def in_thread(self) -> Iterator[ScriptedClinic]:
        """For tests whose clients are other processes."""
        ready = threading.Event()
        stops: list[Callable[[], object]] = []

        async def serve() -> None:
            end, loop = asyncio.Event(), asyncio.get_running_loop()
            stops.append(lambda: loop.call_soon_threadsafe(end.set))
            async with self.running():
                ready.set()
                await end.wait()

        thread = threading.Thread(target=lambda: asyncio.run(serve()))
        thread.start()
        assert ready.wait(10)
        try:
            yield self
        finally:
            stops[0]()
            thread.join(10)

    def open_by_provider(self, submission: str, key: Ed25519PrivateKey | None = None) -> None:
        opened = Opened(submission=submission, device_id=PROVIDER, opened_at=NOW)
        signed = sign(opened, Context.OPENED, key or self.clinic.provider.signing)
        self.opened[submission] = OpenedBy(signer=PROVIDER, opened=signed)

    def submissions(self) -> dict[str, list[Upload]]:
        found: dict[str, list[Upload]] = {}
        for upload in self.uploads.values():
            found.setdefault(upload.meta.submission, []).append(upload)
        return found

    # the wire

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in head[1:] if line)}
        request = Request(method, path, headers)
        self.seen.append(f"{method} {path}")
        fault = self._fault(request)
        length = int(headers.get("content-length", "0"))
        upload = self.uploads.get(path.rsplit("/", 1)[-1]) if method == "PATCH" else None
        if upload is not None and int(headers["upload-offset"]) != len(upload.data):
            upload = None  # the body is read and thrown away; answered 409
        if fault is not None and fault.action in ("cut", "stall"):
            await self._take(reader, min(length, fault.after), upload)
            if fault.action == "stall":
                self.stalled.set()
                await self._gone(writer)
            return False
        body = await self._take(reader, length, upload)
        if fault is not None and fault.action == "run":
            fault.run()
        if fault is not None and fault.action in ("status", "portal"):
            writer.write(self._instead(fault, method))
        else:
            answer = self._answer(request, body, upload)
            if fault is not None and fault.action == "drop-answer":
                return False
            writer.write(answer)
        await writer.drain()
        return True

    async def _gone(self, writer: asyncio.StreamWriter) -> None:
        """Holds a stalled connection without reading from it until the client or the test ends it."""
        await writer.wait_closed()

    def _fault(self, request: Request) -> Fault | None:
        for fault in self.faults:
            if fault.method == request.method and fault.path in request.path:
                self.faults.remove(fault)
                return fault
        return None

    async def _take(self, reader: asyncio.StreamReader, length: int, upload: Upload | None) -> bytes:
        body = bytearray()
        while len(body) < length:
            piece = await reader.read(min(65536, length - len(body)))
            if not piece:
                raise asyncio.IncompleteReadError(bytes(body), length)
            body += piece
            if upload is not None:
                upload.data += piece
        return bytes(body)

    def _instead(self, fault: Fault, method: str) -> bytes:
        if fault.action == "portal":
            page = b"<html>Welcome! Sign in to use this network.</html>"
            return b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(page) + (
                b"" if method == "HEAD" else page
            )
        problem = {"title": "No", "status": fault.status, "code": fault.code}
        return _response(fault.status, {}, json.dumps(problem).encode(), method)

    def _answer(self, request: Request, body: bytes, upload: Upload | None) -> bytes:
        for (method, pattern), handler in self._routes().items():
            match = re.fullmatch(pattern, request.path)
            if method == request.method and match:
                status, headers, content = handler(request, body, *match.groups())
                return _response(status, headers, content, request.method)
        return _response(404, {}, b'{"title": "No", "status": 404, "code": "not-found"}', request.method)

    # the routes: each gives status, headers, body

    def _routes(self) -> dict[tuple[str, str], Callable[..., tuple[int, dict[str, str], bytes]]]:
        return {
            ("POST", "/v1/challenges"): lambda r, b: (200, {}, json.dumps({"nonce": b64encode(b"n" * 16)}).encode()),
            ("POST", "/v1/tokens"): lambda r, b: (200, {}, b'{"token": "abc", "expires_in": 600}'),
            ("POST", "/v1/uploads"): self._create,
            ("HEAD", "/v1/uploads/([a-z0-9]+)"): self._head,
            ("PATCH", "/v1/uploads/([a-z0-9]+)"): self._patch,
            ("GET", "/v1/uploads/([a-z0-9]+)/receipt"): self._receipt,
            ("GET", "/v1/submissions"): self._rows,
            ("POST", "/v1/submissions/([a-z0-9]+)/withdrawn"): self._withdraw,
            ("GET", "/v1/submissions/([a-z0-9]+)/blobs/([a-z0-9]+)"): self._blob,
        }

    def _create(self, request: Request, body: bytes) -> tuple[int, dict[str, str], bytes]:
        pairs = (pair.split(" ") for pair in request.headers["upload-metadata"].split(","))
        values = {key: base64.b64decode(value).decode() for key, value in pairs}
        meta = UploadMetadata.model_validate({**values, "count": int(values["count"])})
        length = int(request.headers["upload-length"])
        if meta.submission in self.withdrawn:
            return 410, {}, b'{"title": "No", "status": 410, "code": "withdrawn"}'
        for name, upload in self.uploads.items():
            if (upload.meta.submission, upload.meta.blob) == (meta.submission, meta.blob):
                if (upload.meta, upload.length) != (meta, length):
                    return 409, {}, b'{"title": "No", "status": 409, "code": "hash-mismatch"}'
                return 200, {"Location": f"/v1/uploads/{name}", "Upload-Offset": str(len(upload.data))}, b""
        name = secrets.token_hex(8)
        self.uploads[name] = Upload(meta, length)
        return 201, {"Location": f"/v1/uploads/{name}"}, b""

    def _head(self, request: Request, body: bytes, name: str) -> tuple[int, dict[str, str], bytes]:
        upload = self.uploads.get(name)
        if upload is None:
            return 404, {}, b""
        return 200, {"Upload-Offset": str(len(upload.data)), "Upload-Length": str(upload.length)}, b""

    def _patch(self, request: Request, body: bytes, name: str) -> tuple[int, dict[str, str], bytes]:
        upload = self.uploads.get(name)
        if upload is None:
            return 404, {}, b""
        if int(request.headers["upload-offset"]) + len(body) != len(upload.data):
            return 409, {"Upload-Offset": str(len(upload.data))}, b""
        if len(upload.data) == upload.length and hashlib.sha256(upload.data).hexdigest() != upload.meta.sha256:
            upload.data.clear()
            return 422, {}, b'{"title": "No", "status": 422, "code": "hash-mismatch"}'
        return 204, {"Upload-Offset": str(len(upload.data))}, b""

    def _receipt(self, request: Request, body: bytes, name: str) -> tuple[int, dict[str, str], bytes]:
        upload = self.uploads.get(name)
        if upload is None or len(upload.data) != upload.length:
            return 404, {}, b'{"title": "No", "status": 404, "code": "not-found"}'
        if upload.receipt is None:
            meta = upload.meta
            fields = {"submission": meta.submission, "blob": meta.blob, "sha256": meta.sha256}
            said = {**fields, "size": upload.length, "device_id": PATIENT, "received_at": NOW, **self.receipt_changes}
            signed = sign(Receipt.model_validate(said), Context.RECEIPT, self.receipt_key)
            upload.receipt = signed.model_dump_json().encode()
        return 200, {}, upload.receipt

    def _rows(self, request: Request, body: bytes) -> tuple[int, dict[str, str], bytes]:
        rows = tuple(
            SubmissionRow(submission=name, complete=True, opened=self.opened.get(name)) for name in self.submissions()
        )
        return 200, {}, SubmissionRows(submissions=rows).model_dump_json().encode()

    def _withdraw(self, request: Request, body: bytes, submission: str) -> tuple[int, dict[str, str], bytes]:
        if submission in self.opened:
            return 409, {}, b'{"title": "No", "status": 409, "code": "already-opened"}'
        self.withdrawn[submission] = WithdrawnBy.model_validate_json(body)
        self.uploads = {n: u for n, u in self.uploads.items() if u.meta.submission != submission}
        return 204, {}, b""

    def _blob(self, request: Request, body: bytes, submission: str, blob: str) -> tuple[int, dict[str, str], bytes]:
        data = self.blobs[submission, blob]
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
        if asked is None or not self.serve_ranges:
            return 200, {}, data
        first, last = int(asked[1]), int(asked[2])
        return 206, {"Content-Range": f"bytes {first}-{last}/{len(data)}"}, data[first : last + 1]


def _response(status: int, headers: dict[str, str], body: bytes, method: str) -> bytes:
    lines = {PROTOCOL_HEADER: PROTOCOL_VERSION, **headers}
    if status != 204:
        lines["Content-Length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + (b"" if method == "HEAD" else body)
