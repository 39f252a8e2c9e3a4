"""How the service says no: problem details (RFC 9457), one status and title for each code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.wire.errors import ErrorCode, Problem

PROBLEM_JSON = "application/problem+json"

_ANSWERS: dict[ErrorCode, tuple[int, str]] = {
    ErrorCode.BAD_REQUEST: (400, "The request cannot be used"),
    ErrorCode.CODE_UNKNOWN: (403, "The enrolment code is not known"),
    ErrorCode.CODE_USED: (409, "The enrolment code has been used"),
    ErrorCode.CODE_EXPIRED: (410, "The enrolment code has expired"),
    ErrorCode.TOO_MANY_TRIES: (429, "Too many tries"),
    ErrorCode.TOKEN_INVALID: (401, "The device is not signed in"),
    ErrorCode.NOT_ALLOWED: (403, "The device may not do this"),
    ErrorCode.NOT_FOUND: (404, "There is no such thing"),
    ErrorCode.STALE_VERSION: (409, "The version is not the next one"),
    ErrorCode.SIGNATURE_INVALID: (400, "The signature does not hold"),
    ErrorCode.TOO_LARGE: (413, "Too large"),
    ErrorCode.OFFSET_MISMATCH: (409, "The offset is not the upload's"),
    ErrorCode.HASH_MISMATCH: (422, "The bytes do not have the declared hash"),
    ErrorCode.ALREADY_OPENED: (409, "A provider has opened it"),
    ErrorCode.WITHDRAWN: (410, "It was taken back by its sender"),
    ErrorCode.STORAGE_FULL: (507, "The clinic has no room at the moment"),
    ErrorCode.INTERNAL: (500, "The clinic service failed"),
}

_CODES = {401: ErrorCode.TOKEN_INVALID, 403: ErrorCode.NOT_ALLOWED, 404: ErrorCode.NOT_FOUND, 413: ErrorCode.TOO_LARGE}

_SQLITE_FULL = 13


class Refusal(Exception):
    """The service will not do what was asked. `status` and the title follow from `code` unless given.

    `detail` is one plain sentence without any value from the request.
    """

    def __init__(
        self, code: ErrorCode, detail: str = "", *, status: int | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{code.value}: {detail}")
        self.code = code
        self.detail = detail
        self.status = status if status is not None else _ANSWERS[code][0]
        self.headers = dict(headers or {})


def problem_response(refusal: Refusal) -> Response:
    problem = Problem(
        title=_ANSWERS[refusal.code][1], status=refusal.status, code=refusal.code, detail=refusal.detail[:500]
    )
    return Response(problem.model_dump_json(), refusal.status, refusal.headers, PROBLEM_JSON)


def install(app: FastAPI) -> None:
    """Turns what routes raise into problem details."""
    app.add_exception_handler(Refusal, _on_refusal)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(OperationalError, _on_database)


async def _on_refusal(_request: Request, exc: Exception) -> Response:
    assert isinstance(exc, Refusal)
    return problem_response(exc)


async def _on_validation(_request: Request, exc: Exception) -> Response:
    assert isinstance(exc, RequestValidationError)
    return problem_response(Refusal(ErrorCode.BAD_REQUEST, _faults(exc.errors())))


async def _on_http(_request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    code = _CODES.get(exc.status_code, ErrorCode.BAD_REQUEST)
    return problem_response(Refusal(code, str(exc.detail), status=exc.status_code, headers=exc.headers))


async def _on_database(_request: Request, exc: Exception) -> Response:
    if getattr(getattr(exc, "orig", None), "sqlite_errorcode", None) == _SQLITE_FULL:
        return problem_response(Refusal(ErrorCode.STORAGE_FULL, "the database has no room"))
    raise exc


def _faults(errors: Sequence[Any]) -> str:
    """Where and what kind, never the value: an answer may end in a log."""
    return "; ".join(f"{'.'.join(str(part) for part in e['loc'])[:80]}: {e['type']}" for e in errors[:5])
