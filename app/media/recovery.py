"""PURE: whether the visit is connected, and when a new transport is to be made. Tables; `now` comes in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from app.media.events import ConnectionState
from app.media.settings import MediaSettings

CS = ConnectionState


class Sign(StrEnum):
    """What the transport shows."""

    LIVE = "live"  # something was heard a moment ago
    QUIET = "quiet"  # nothing for 2 s
    GONE = "gone"  # no transport, a dead one, or nothing for 8 s
    LOST = "lost"  # gone for 60 s


_NEXT: dict[tuple[ConnectionState, Sign], ConnectionState] = {
    (CS.CONNECTING, Sign.LIVE): CS.CONNECTED,
    (CS.CONNECTING, Sign.QUIET): CS.CONNECTING,
    (CS.CONNECTING, Sign.GONE): CS.CONNECTING,
    (CS.CONNECTING, Sign.LOST): CS.FAILED,
    (CS.CONNECTED, Sign.LIVE): CS.CONNECTED,
    (CS.CONNECTED, Sign.QUIET): CS.INTERRUPTED,
    (CS.CONNECTED, Sign.GONE): CS.RECONNECTING,
    (CS.CONNECTED, Sign.LOST): CS.FAILED,
    (CS.INTERRUPTED, Sign.LIVE): CS.CONNECTED,
    (CS.INTERRUPTED, Sign.QUIET): CS.INTERRUPTED,
    (CS.INTERRUPTED, Sign.GONE): CS.RECONNECTING,
    (CS.INTERRUPTED, Sign.LOST): CS.FAILED,
    (CS.RECONNECTING, Sign.LIVE): CS.CONNECTED,
    (CS.RECONNECTING, Sign.QUIET): CS.RECONNECTING,
    (CS.RECONNECTING, Sign.GONE): CS.RECONNECTING,
    (CS.RECONNECTING, Sign.LOST): CS.FAILED,
    (CS.FAILED, Sign.LIVE): CS.CONNECTED,
    (CS.FAILED, Sign.QUIET): CS.FAILED,
    (CS.FAILED, Sign.GONE): CS.FAILED,
    (CS.FAILED, Sign.LOST): CS.FAILED,
}


@dataclass(frozen=True)
class Life:
    """`live_at`: when the other side was last heard (or the visit began); `next_try`: not before."""

    state: ConnectionState
    live_at: float
    next_try: float
    tries: int = 0


def begin(now: float, settings: MediaSettings) -> Life:
    return Life(CS.CONNECTING, now, now + settings.first_connect)


def sign_of(connected: bool, heard_at: float | None, live_at: float, now: float, settings: MediaSettings) -> Sign:
    """`connected`: there is a transport whose DTLS stands; `heard_at`: when anything last came on it."""
    lost = Sign.LOST if now - live_at >= settings.failed_after else Sign.GONE
    if not connected or heard_at is None:
        return lost
    silent = now - heard_at
    if silent < settings.interrupted_after:
        return Sign.LIVE
    return Sign.QUIET if silent < settings.renew_after else lost


def step(life: Life, sign: Sign, now: float, settings: MediaSettings) -> tuple[Life, bool]:
    """The next state, and whether to make (or ask for) a new transport now. Raises KeyError on what is not named."""
    state = _NEXT[life.state, sign]
    if sign is Sign.LIVE:
        return Life(state, now, now, 0), False
    life = replace(life, state=state)
    if sign is Sign.QUIET or now < life.next_try:
        return life, False
    gap = settings.try_gaps[min(life.tries, len(settings.try_gaps) - 1)]
    return replace(life, tries=life.tries + 1, next_try=now + gap), True


def hurry(life: Life, now: float) -> Life:
    """The signalling path works again: the next try is due."""
    return life if life.state is CS.CONNECTED else replace(life, next_try=now, tries=0)
