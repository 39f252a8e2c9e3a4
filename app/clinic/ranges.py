"""One byte range of a blob (RFC 9110 section 14). Pure."""

from __future__ import annotations

import re

_ONE_RANGE = re.compile(r"^bytes=(\d{0,15})-(\d{0,15})$", re.ASCII)


class RangeNotSatisfiable(Exception):
    """The range begins after the end (416)."""


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """[start, stop) of a `Range` header over `size` bytes; None when there is none or it is to be ignored.

    Several ranges are ignored, as RFC 9110 section 14.2 allows. Raises :class:`RangeNotSatisfiable`.
    """
    match = _ONE_RANGE.match(header.strip()) if header is not None else None
    if match is None or match.group(0) == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < int(first):
            return None
    if start >= stop:
        raise RangeNotSatisfiable
    return start, stop
