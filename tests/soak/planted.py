"""Canaries: made, and searched for in all that lies or passes anywhere, in seven spellings."""

from __future__ import annotations

import base64
import io
import logging
import os
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.soak.campaign import Outcome


def canary(field: str, seed: int) -> str:
    """Unlike anything else, and the same in ASCII and UTF-8."""
    return f"CANARY{random.Random(f'{seed}/{field}').getrandbits(96):024x}{field.replace(' ', '').upper()}"


def spellings(text: str) -> dict[str, bytes]:
    """How a clear text may lie somewhere unnoticed."""
    raw = text.encode()
    found = {"as it is": raw, "UTF-16": text.encode("utf-16-le"), "hex": raw.hex().encode(), "reversed": raw[::-1]}
    for shift in range(3):  # base64 of a longer text: the same at each of three alignments, but for its ends
        inner = base64.b64encode(bytes(shift) + raw)[8 if shift else 0 : -8]
        found[f"base64, {shift}"] = inner
    return found


@contextmanager
def watched_logs() -> Iterator[io.StringIO]:
    """All that any logger says, at every level."""
    told = io.StringIO()
    handler, root = logging.StreamHandler(told), logging.getLogger()
    level, root.level = root.level, logging.DEBUG
    kept, root.handlers = root.handlers, [handler]
    try:
        yield told
    finally:
        root.level, root.handlers = level, kept


def search(places: dict[str, bytes], words: dict[str, str], outcome: Outcome) -> None:
    """Looks for every word in every spelling in every place."""
    for place, content in places.items():
        outcome.tally["bytes searched"] += len(content)
        for field, text in words.items():
            for how, spelling in spellings(text).items():
                outcome.cases += 1
                if spelling in content:
                    outcome.violations.append(f"{field} lies in {place}, {how}: {text}")


@contextmanager
def own_temporary(folder: Path) -> Iterator[Path]:
    """A temporary folder for this process and its children, to be searched afterwards."""
    place, before = folder / "tmp", (os.environ.get("TMPDIR"), tempfile.tempdir)
    place.mkdir()
    os.environ["TMPDIR"], tempfile.tempdir = str(place), str(place)
    try:
        yield place
    finally:
        tempfile.tempdir = before[1]
        if before[0] is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before[0]
