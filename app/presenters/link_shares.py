"""PURE: what the guest's call leaves the visit's of the one link that both take. Neither's rate control knows of the
other, and the visit's speech goes before a picture for a guest.
"""

from __future__ import annotations

_BESIDE = 0.5
_STANDS_UNDER_BPS, _MOVES_AGAIN_FROM_BPS = 150_000.0, 200_000.0
"""Apart, so that a guest's pictures do not come and go with every estimate."""


def guest_leaves(before: float, link_bps: float | None, *, pictures: bool, looking_closer: bool) -> float:
    """0..1 of the guest's pictures; 1: they stand. `before`: what they leave now; `link_bps`: what the visit's link
    carries, None while no media flows there; `pictures`: whether people want pictures in the visit (else its rate
    control need not know how much more the link carries).
    """
    if link_bps is None:
        return 0.0
    if looking_closer:
        return 1.0
    least = _MOVES_AGAIN_FROM_BPS if before == 1.0 else _STANDS_UNDER_BPS
    return 1.0 if pictures and link_bps < least else _BESIDE
