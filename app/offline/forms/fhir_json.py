"""FHIR's JSON: decimals keep their digits (R4, 2.6.2: precision has a meaning), sizes and depth are bounded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

Json = Any
"""A JSON value: dict, list, str, bool, int, Decimal or None. Never changed after it was read."""

MAX_DEPTH = 64
_MAX_DIGITS = 40


class JsonError(ValueError):
    """The bytes are no JSON object within the bounds."""


def read_object(data: bytes, most: int) -> dict[str, Json]:
    """The JSON object in `data` (UTF-8, at most `most` bytes); raises :class:`JsonError`."""
    if len(data) > most:
        raise JsonError(f"more than {most} bytes")
    try:
        found = json.loads(data.decode("utf-8"), parse_float=_decimal, parse_int=_integer, parse_constant=_refuse)
    except (ValueError, RecursionError) as exc:
        raise JsonError(f"no JSON: {type(exc).__name__}") from exc
    if not isinstance(found, dict):
        raise JsonError("no JSON object")
    if _deeper_than(found, MAX_DEPTH):
        raise JsonError(f"deeper than {MAX_DEPTH}")
    return found


def write_object(value: Json) -> bytes:
    """The counterpart of :func:`read_object`; a Decimal is written with the digits that it has."""
    return "".join(_pieces(value)).encode("utf-8")


def _pieces(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        mark = "{"
        for name, inner in value.items():
            yield f"{mark}{json.dumps(name, ensure_ascii=False)}:"
            yield from _pieces(inner)
            mark = ","
        yield "}" if value else "{}"
    elif isinstance(value, list | tuple):
        mark = "["
        for inner in value:
            yield mark
            yield from _pieces(inner)
            mark = ","
        yield "]" if value else "[]"
    elif isinstance(value, Decimal):
        yield str(value).replace("E+", "e+").replace("E-", "e-")
    else:
        yield json.dumps(value, ensure_ascii=False, allow_nan=False)


def _decimal(text: str) -> Decimal:
    value = Decimal(text)
    if len(text) > _MAX_DIGITS or not -_MAX_DIGITS < value.adjusted() < _MAX_DIGITS:
        raise JsonError("a number of too many digits")
    return value


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise JsonError("a number of too many digits")
    return int(text)


def _refuse(text: str) -> None:
    raise JsonError(f"{text} is no number of JSON")


def _deeper_than(value: Json, most: int) -> bool:
    level = [value]
    for _ in range(most):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True
