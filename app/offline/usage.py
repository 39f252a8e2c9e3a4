"""PURE: data used by the month: ciphertext that the clinic has acknowledged, counted twice where it went twice.

Not counted are headers, TLS and what a cut connection lost before the clinic had it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo


@dataclass(frozen=True)
class Usage:
    """`sent` bytes in `month` ("2026-11", by this computer's calendar)."""

    month: str
    sent: int

    def plus(self, month: str, sent: int) -> Usage:
        """After `sent` more bytes in `month`; another month begins at nothing."""
        if sent < 0:
            raise ValueError("nothing is taken back")
        return Usage(month, sent + (self.sent if month == self.month else 0))


def month_of(now: float, zone: tzinfo | None = None) -> str:
    """The calendar month of `now` (UTC epoch, s) in `zone`, else in the computer's own."""
    return datetime.fromtimestamp(now, UTC).astimezone(zone).strftime("%Y-%m")
