"""The real service, which kills itself (SIGKILL) at one step of the erasing: `THINLINE_TEST_DIE_AT` names it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from app.clinic import withdrawals
from app.clinic.blobs import BlobFiles
from app.clinic.cli import main

POINTS = ("withdrawn", "before-remove", "after-remove", "erased")


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _around(function: Callable[..., Any], before: str, after: str, point: str) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if point == before:
            _die()
        value = function(*args, **kwargs)
        if point == after:
            _die()
        return value

    return wrapped


def arm(point: str) -> None:
    """The next call of the function in question ends the process, before or after its work."""
    assert point in POINTS
    withdrawals.withdraw = _around(withdrawals.withdraw, "", "withdrawn", point)
    withdrawals.erased = _around(withdrawals.erased, "", "erased", point)
    BlobFiles.remove = _around(BlobFiles.remove, "before-remove", "after-remove", point)  # type: ignore[method-assign]


if __name__ == "__main__":
    arm(os.environ["THINLINE_TEST_DIE_AT"])
    sys.exit(main(sys.argv[1:]))
