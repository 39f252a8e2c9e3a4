"""PURE: what of the link a still may take, and what moving pictures leave it (law 1)."""

from __future__ import annotations

from app.media.closer.messages import Grade

_CONTENT_SHARE = 0.66
"""Of what goes over the wire: packets of 360 bytes carry some 270 of ours, and a little room stays."""
_STAND_S = {Grade.PREVIEW: 8.0, Grade.MIDDLE: 20.0}
"""Since the shot: a first look and one for the eye go before pictures that move; the fine one goes beside them."""
_BESIDE = 0.4
"""Pictures take all that there is, up to two megabits; of what is left beside them a fine still would never come."""


def content_rate(wire_bps: float) -> float:
    """Bytes of content a second, of bits a second on the wire."""
    return max(0.0, wire_bps) / 8 * _CONTENT_SHARE


def still_share(grade: Grade, waited_s: float) -> float:
    """Of what moving pictures may take, what a part of this grade takes, being the next to go, so long after the shot;
    1: pictures stand.
    """
    return 1.0 if waited_s < _STAND_S.get(grade, 0.0) else _BESIDE
