"""PURE: what of the link a still may take, and for how long moving pictures stand for it (law 1)."""

from __future__ import annotations

from app.media.closer.messages import Grade

_CONTENT_SHARE = 0.66
"""Of what goes over the wire: packets of 360 bytes carry some 270 of ours, and a little room stays."""
_STAND_S = {Grade.PREVIEW: 8.0, Grade.MIDDLE: 20.0}
"""Since the shot: a first look and one for the eye go before pictures that move; the fine one goes beneath them."""


def content_rate(wire_bps: float) -> float:
    """Bytes of content a second, of bits a second on the wire."""
    return max(0.0, wire_bps) / 8 * _CONTENT_SHARE


def pictures_stand(grade: Grade, waited_s: float) -> bool:
    """Whether moving pictures stand while a part of this grade is the next to go, so long after the shot."""
    return waited_s < _STAND_S.get(grade, 0.0)
