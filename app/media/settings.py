"""Frozen settings of a visit's media."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.media.video.speed import Speeds


@dataclass(frozen=True)
class MediaSettings:
    """Seconds, unless the name says otherwise."""

    interrupted_after: float = 2.0
    renew_after: float = 8.0
    """Silence on a transport before a new one is made."""
    first_connect: float = 12.0
    """How long a transport may take to connect before the next try."""
    first_offer: float = 3.0
    """How long the answering side waits for an offer before it asks for one."""
    try_gaps: tuple[float, ...] = (6.0, 8.0, 10.0, 14.0, 20.0)
    """Between tries for a new transport; the last is repeated."""
    failed_after: float = 60.0
    device_retry: float = 2.0
    speeds: Speeds = field(default_factory=Speeds)
    """How fast this machine encodes AV1; empty: a quick preset is used."""
