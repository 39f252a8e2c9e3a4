"""PURE: what of the link a still may take, and what moving pictures leave it (law 1)."""

from __future__ import annotations

from app.media.closer.coding import PREVIEW_BYTES
from app.media.closer.messages import Grade

_CONTENT_SHARE = 0.66
"""Of what goes over the wire: packets of 360 bytes carry some 270 of ours, and a little room stays."""
_LEAST_PREVIEW_BYTES, _PREVIEW_S = 2_000, 1.3
"""Less shows too little; together with the shot, coding and the way it makes three seconds at 64 kbit/s."""
_STAND_S = {Grade.PREVIEW: 8.0, Grade.MIDDLE: 20.0}
"""Since the shot: a first look and one for the eye go before pictures that move; the fine one goes beside them."""
_BESIDE = 0.5
"""Pictures take all that there is, up to two megabits; of what is left beside them a fine still would never come."""


def content_rate(wire_bps: float) -> float:
    """Bytes of content a second, of bits a second on the wire."""
    return max(0.0, wire_bps) / 8 * _CONTENT_SHARE


def preview_bytes(wire_bps: float) -> int:
    """How large a first look may be so that it is there soon."""
    return round(min(PREVIEW_BYTES, max(_LEAST_PREVIEW_BYTES, content_rate(wire_bps) * _PREVIEW_S)))


def still_share(grade: Grade, waited_s: float) -> float:
    """Of what moving pictures may take, what a part of this grade takes, being the next to go, so long after the shot;
    1: pictures stand.
    """
    return 1.0 if waited_s < _STAND_S.get(grade, 0.0) else _BESIDE
