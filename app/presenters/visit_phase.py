"""What the state of the connection means for the phase of a visit."""

from __future__ import annotations

from app.media.events import ConnectionState
from app.presenters.views import VisitPhase

MEDIA_FLOWS = frozenset({ConnectionState.CONNECTING, ConnectionState.CONNECTED})

PHASE = {
    ConnectionState.CONNECTING: VisitPhase.CONNECTING,
    ConnectionState.CONNECTED: VisitPhase.LIVE,
    ConnectionState.INTERRUPTED: VisitPhase.RECONNECTING,
    ConnectionState.RECONNECTING: VisitPhase.RECONNECTING,
    ConnectionState.FAILED: VisitPhase.LOST,
    ConnectionState.CLOSED: VisitPhase.ENDED,
}
