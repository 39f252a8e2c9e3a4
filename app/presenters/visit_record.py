"""What one side of a visit knows, and since when: the facts that the sentences depend on, and the timeline."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from app.media.events import Cause, ConnectionState, Modality, PeerState, View
from app.presenters.around import Surroundings
from app.presenters.views import VisitPhase
from app.presenters.visit_phase import PHASE
from app.presenters.visit_sentences import (
    TIMELINE_CONNECTION,
    VisitFacts,
    timeline_back,
    timeline_choice,
    timeline_sending,
    timeline_wish,
)
from app.presenters.visit_timeline import VisitTimeline


class VisitRecord:
    """Takes in what the media tell, writes the timeline, and calls `around.changed` after each change of the facts.
    `me_name` stands for our side in the timeline."""

    def __init__(self, facts: VisitFacts, timeline: VisitTimeline, me_name: str, around: Surroundings) -> None:
        self.facts = facts
        self.timeline = timeline
        self._me_name = me_name
        self._around = around
        self._was_connected = False
        self._gone_at: float | None = None  # since when the connection is away; as `clock` tells the time
        self._back_at: float | None = None

    def set(self, **changes: Any) -> None:
        """`changes`: fields of VisitFacts."""
        changed = replace(self.facts, **changes)
        if changed != self.facts:
            self.facts = changed
            self._around.changed()

    def timed(self) -> VisitFacts:
        """The facts as of now."""
        now = self._around.clock()
        gone = 0.0 if self._gone_at is None else max(now - self._gone_at, 0.0)
        return replace(self.facts, gone_s=gone, back_s=None if self._back_at is None else now - self._back_at)

    def phase(self) -> VisitPhase:
        if not self.facts.started:
            return VisitPhase.CONNECTING if self.facts.other_present else VisitPhase.WAITING
        return PHASE[self.facts.connection]

    def on_started(self) -> None:
        """The media session is made; until it connects, the connection is away."""
        self._gone_at = self._around.clock()
        self.set(started=True, connection=ConnectionState.CONNECTING)

    def on_connection(self, state: ConnectionState) -> None:
        if state is self.facts.connection:
            return
        now = self._around.clock()
        connected = state is ConnectionState.CONNECTED
        if connected and self._was_connected and self._gone_at is not None:
            self._back_at = now
            self.timeline.note(timeline_back(now - self._gone_at))
        else:
            self.timeline.note(TIMELINE_CONNECTION[state])
        if connected:
            self._gone_at = None
        elif self._gone_at is None:
            self._gone_at = now
        self.set(connection=state)
        if connected and not self._was_connected:
            self._was_connected = True
            self._note_sending(self.facts.sending, self.facts.cause)

    def on_sending(self, sending: Modality, cause: Cause) -> None:
        """What we send; it is worth an entry once the two have been connected."""
        if sending is not self.facts.sending and self._was_connected:
            self._note_sending(sending, cause)
        self.set(sending=sending, cause=cause)

    def on_peer(self, peer: PeerState) -> None:
        before, other = self.facts.peer, self.facts.other
        if peer.speech_alone is not self.facts.other_chose:
            self.timeline.note(timeline_choice(other, peer.speech_alone))
        if peer.wish is not (View.TALK if before is None else before.wish):
            self.timeline.note(timeline_wish(other, peer.wish))
        if before is None or before.sending is not peer.sending:
            self.timeline.note(timeline_sending(other, peer.sending, peer.cause, self._me_name))
        self.set(peer=peer)

    def _note_sending(self, sending: Modality, cause: Cause) -> None:
        self.timeline.note(timeline_sending(self._me_name, sending, cause, self.facts.other))
