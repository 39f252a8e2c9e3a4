"""Requests to one clinic service: a deadline over the whole exchange, a bound on the answer, typed errors,
and the proof in each answer that it came from a clinic service and not from a portal on the way."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
import urllib.request
from collections.abc import AsyncIterable, Callable, Collection, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from app.net.errors import BadAnswer, CertificateMismatch, NetError, NotTheClinic, Refused, Unreachable
from app.net.paced import SEND_BUFFER_BYTES, PacedTransport
from app.wire import API, PROTOCOL_HEADER, PROTOCOL_VERSION
from app.wire.errors import ErrorCode, Problem
from app.wire.trust import Challenge, ChallengeRequest, TokenRequest, TokenResult

M = TypeVar("M", bound=BaseModel)

MAX_ANSWER_BYTES = 4 * 1024 * 1024
_TOKEN_MARGIN_S = 60.0
_KEEP_ALIVE_S = 70.0  # the service closes after 75; an upload asks every 30, and a TLS handshake costs 2 KB


@dataclass(frozen=True)
class Credentials:
    """Who this device is. `sign` makes the device's Ed25519 signature over a nonce (Context.TOKEN)."""

    device_id: str
    sign: Callable[[bytes], bytes]


class ClinicHttp:
    """One clinic, one device. Not for several event loops."""

    def __init__(self, base_url: str, tls: ssl.SSLContext | None, credentials: Credentials | None = None) -> None:
        self.base_url = base_url
        self.tls = tls
        self._credentials = credentials
        self._token: str | None = None
        self._token_until = 0.0
        self._signing_in = asyncio.Lock()
        self._client = httpx.AsyncClient(
            base_url=base_url,
            transport=_transport(tls),
            verify=tls if tls is not None else True,
            timeout=httpx.Timeout(None, connect=15.0),
            follow_redirects=False,
            headers={"User-Agent": "thinline", "Accept-Encoding": "identity"},
        )

    async def __aenter__(self) -> ClinicHttp:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._client.aclose()

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | AsyncIterable[bytes] | None = None,
        json: BaseModel | None = None,
        deadline: float = 20.0,
        expect: Collection[int] = (200, 201, 204),
        max_bytes: int = MAX_ANSWER_BYTES,
        open_to_all: bool = False,
    ) -> httpx.Response:
        """One exchange, its answer read whole.

        Raises :class:`Unreachable`, :class:`NotTheClinic`, :class:`CertificateMismatch`, :class:`BadAnswer`
        (larger than `max_bytes`) or :class:`Refused` (a status outside `expect`). A token that has run out
        is renewed once, unless `content` is a stream, which cannot be sent twice.
        """
        replayable = content is None or isinstance(content, bytes)
        send = dict(headers or {})
        body: bytes | AsyncIterable[bytes] | None = content
        if json is not None:
            body = json.model_dump_json().encode()
            send["Content-Type"] = "application/json"
        try:
            async with asyncio.timeout(deadline):
                for last in (False, True):
                    if not open_to_all:
                        send["Authorization"] = f"Bearer {await self.token()}"
                    try:
                        return await self._exchange(method, path, send, body, expect, max_bytes)
                    except Refused as refused:
                        if refused.code is not ErrorCode.TOKEN_INVALID or open_to_all:
                            raise
                        self._token = None
                        if last or not replayable:
                            raise
                raise AssertionError("unreachable")
        except TimeoutError as exc:
            raise Unreachable(f"no answer to {method} within {deadline:.0f} s") from exc

    async def fetch(
        self,
        model: type[M],
        method: str,
        path: str,
        *,
        json: BaseModel | None = None,
        deadline: float = 20.0,
        open_to_all: bool = False,
    ) -> M:
        """As :meth:`request`, with the answer parsed; raises :class:`BadAnswer` when it does not fit `model`."""
        response = await self.request(method, path, json=json, deadline=deadline, open_to_all=open_to_all)
        try:
            return model.model_validate_json(response.content)
        except ValidationError as exc:
            raise BadAnswer(f"{method} {path}: {exc.error_count()} faults") from exc

    async def token(self) -> str:
        """A bearer token with a minute of life or more; signs in when there is none."""
        async with self._signing_in:
            if self._token is None or time.monotonic() > self._token_until:
                await self._sign_in()
            assert self._token is not None
            return self._token

    def forget_token(self) -> None:
        self._token = None

    async def _sign_in(self) -> None:
        who = self._credentials
        if who is None:
            raise RuntimeError("this connection has no credentials to sign in with")
        challenge = await self.fetch(
            Challenge, "POST", f"{API}/challenges", json=ChallengeRequest(device_id=who.device_id), open_to_all=True
        )
        request = TokenRequest(device_id=who.device_id, nonce=challenge.nonce, signature=who.sign(challenge.nonce))
        result = await self.fetch(TokenResult, "POST", f"{API}/tokens", json=request, open_to_all=True)
        self._token = result.token
        self._token_until = time.monotonic() + max(1.0, result.expires_in - _TOKEN_MARGIN_S)

    async def _exchange(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | AsyncIterable[bytes] | None,
        expect: Collection[int],
        max_bytes: int,
    ) -> httpx.Response:
        try:
            async with self._client.stream(method, path, headers=dict(headers), content=body) as response:
                if response.headers.get(PROTOCOL_HEADER) != PROTOCOL_VERSION:
                    raise NotTheClinic(f"{method} {path}: {response.status_code} without our header")
                if response.headers.get("Content-Encoding", "identity") != "identity":
                    # Never inflated: a kilobyte may claim to be a gigabyte, and none was asked for.
                    raise NotTheClinic(f"{method} {path}: a compressed answer")
                data = bytearray()
                async for piece in response.aiter_raw():
                    data += piece
                    if len(data) > max_bytes:
                        raise BadAnswer(f"{method} {path}: more than {max_bytes} bytes")
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise transport_error(exc) from exc
        whole = httpx.Response(response.status_code, headers=_plain(response.headers), content=bytes(data))
        if whole.status_code not in expect:
            raise _refusal(whole)
        return whole


def _transport(tls: ssl.SSLContext | None) -> httpx.AsyncHTTPTransport | None:
    """Sockets with a small send buffer: what stands in the kernel's (megabytes, by default) can neither be paused
    for speech nor counted as sent. None where the system names a proxy: httpx then finds its own way there."""
    if urllib.request.getproxies():
        return None
    limits = httpx.Limits(max_connections=8, max_keepalive_connections=4, keepalive_expiry=_KEEP_ALIVE_S)
    return PacedTransport(tls, limits, [(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)])


def transport_error(exc: BaseException) -> NetError:
    """Sorts what httpx, websockets and ssl raise into ours."""
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return CertificateMismatch(str(cause))
        if isinstance(cause, ssl.SSLError) and cause.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST"):
            return NotTheClinic(str(cause))
        cause = cause.__cause__ or cause.__context__
    return Unreachable(type(exc).__name__)


def _plain(headers: httpx.Headers) -> httpx.Headers:
    """Without what describes the transfer: the body has been decoded already."""
    return httpx.Headers(
        [(k, v) for k, v in headers.multi_items() if k.lower() not in ("content-encoding", "transfer-encoding")]
    )


def _refusal(response: httpx.Response) -> NetError:
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        if response.status_code == 401:  # an answer to HEAD has no body to say it in
            return Refused(401, ErrorCode.TOKEN_INVALID)
        return Refused(response.status_code, ErrorCode.INTERNAL, f"status {response.status_code} without a reason")
    return Refused(response.status_code, problem.code, problem.detail)
