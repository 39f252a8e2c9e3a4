"""PURE: what bulk upload may take of the link beside a visit (law 1: speech first)."""

from __future__ import annotations

from app.media.events import ConnectionState
from app.presenters.visit_phase import MEDIA_FLOWS

_SHARE, _LEAST, _MOST = 0.5, 400.0, 20_000.0


def upload_allowance(started: bool, connection: ConnectionState, spare_bps: float | None) -> float | None:
    """Bytes a second; None: no bound, 0: nothing. `spare_bps`: what the rate control has left over.

    Half of what is left when speech, repairs and pictures have theirs: an upload's own bursts are not paced with
    them. All of the link while no media gets through anyway.
    """
    if not started or connection not in MEDIA_FLOWS or spare_bps is None:
        return None
    share = spare_bps / 8 * _SHARE
    return min(share, _MOST) if share >= _LEAST else 0.0


def tightest(*allowances: float | None) -> float | None:
    """Of several calls on one link (the visit's and a guest's): what an upload takes it takes from each."""
    return min((allowed for allowed in allowances if allowed is not None), default=None)
