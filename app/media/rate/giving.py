"""PURE: what moving pictures leave of theirs to what else the person's link carries: bulk upload, another call."""

from __future__ import annotations

from app.media.rate.ladder import Pictures

BULK_SHARE = 0.25
BULK_FROM_BPS = 52_000.0
"""Under that speech and pictures need all, and a share would not carry a piece of an upload (20 kbit/s remain to
pictures at 48)."""


def bulk_share(link_bps: float, pictures: Pictures | None) -> float:
    """Of what pictures may take, what an upload that waits gets; 0 on thin links and while stills are sent."""
    moving = pictures is not None and not pictures.are_stills
    return BULK_SHARE if moving and link_bps >= BULK_FROM_BPS else 0.0


def both(first: float, second: float) -> float:
    """Two shares given away one after the other, as one."""
    return 1.0 - (1.0 - first) * (1.0 - second)
