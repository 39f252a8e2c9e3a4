"""What we send and say of ourselves: the rate decision in force, and what people and devices have chosen."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from app.media.events import Cause, Modality, ModalityChanged, PeerState, SessionEvent, View
from app.media.rate import controller
from app.media.rate.controller import Control, Decision
from app.media.rate.feedback import RemoteFeedback, TransportFeedback
from app.media.rate.giving import both, bulk_share
from app.media.rate.ladder import Rung
from app.media.rtc.transport import PeerTransport

log = logging.getLogger(__name__)

_HEARD_S = 2.0
_SEEN_STILL_S = 12.0


class Outgoing:
    """One per session; transports are attached in turn. On the loop."""

    def __init__(self, emit: Callable[[SessionEvent], None]) -> None:
        self._emit = emit
        self._transport: PeerTransport | None = None
        self._control = controller.start(0.0)
        self._microphone_on = True
        self._camera_on = True
        self._camera_present = False
        self._speech_alone = False
        self._wish = View.TALK
        self._returning = False
        """People have brought the pictures back: until the link has its say again, they are there by choice."""
        self.still_share = 0.0
        self._bulk_waits = False
        self._left_share = 0.0
        self._applied: tuple[Modality, Cause, str] | None = None
        self.peer: PeerState | None = None
        self.feedback: TransportFeedback | RemoteFeedback | None = None

    def begin(self, now: float, *, camera: bool) -> None:
        self._control = controller.start(now)
        self._camera_present = camera
        self._apply(now)

    def attach(self, transport: PeerTransport, now: float) -> None:
        """A new transport: what was measured on the old one says nothing any more, what people chose stays."""
        self._transport = transport
        view = self._control.rungs.view
        self._control = controller.look(controller.start(now), view, now)
        self._apply(now)

    def detach(self) -> None:
        self._transport = None

    # What people and devices decide

    def set_microphone(self, on: bool, now: float) -> None:
        self._microphone_on = on
        self._apply(now)

    def set_camera(self, on: bool, now: float) -> None:
        if on != self._camera_on:
            self._camera_on, self._returning = on, on
        self._apply(now)

    def set_camera_present(self, present: bool, now: float) -> None:
        self._camera_present = present
        self._apply(now)

    def set_speech_alone(self, on: bool, now: float) -> None:
        """Our person wants no pictures, either way: the other side hears of it at once and stops its own."""
        if on != self._speech_alone:
            self._speech_alone, self._returning = on, not on
        self._apply(now)

    def set_wish(self, view: View, now: float) -> None:
        """What our person wishes the other side's pictures to be made for: told at once and with every report."""
        self._wish = view
        self._tell(now)

    def look(self, view: View, now: float) -> None:
        """What our pictures are for, as the other side's person wishes."""
        self._enforce(controller.look(self._control, view, now), now)

    def set_still_share(self, share: float, now: float) -> None:
        """Moving pictures leave so much of theirs to a sharp still that was asked for, and stand at 1 (law 1); nobody
        chose to stop them, so nothing is told of it.
        """
        if share != self.still_share:
            self.still_share = share
            self._apply(now)

    def set_bulk(self, waits: bool, now: float) -> None:
        """While something waits for upload, moving pictures leave it a share (app.media.rate.giving); a sharp still
        that was asked for goes before it.
        """
        if waits is not self._bulk_waits:
            self._bulk_waits = waits
            self._apply(now)

    def set_left(self, share: float, now: float) -> None:
        """Our pictures leave so much of theirs to another call on the same link, and stand at 1."""
        if share != self._left_share:
            self._left_share = share
            self._apply(now)

    @property
    def _given(self) -> float:
        """The share that pictures leave to others than a still."""
        if self.still_share or not self._bulk_waits:
            return self._left_share
        return both(self._left_share, bulk_share(self.decision.split.link_bps, self.decision.rung.pictures))

    @property
    def upload_bps(self) -> float:
        """What bulk upload may take, bit/s on the wire."""
        split = self.decision.split
        given = self._given if self._bulk_waits and not self.still_share else 0.0
        return split.data_bps + given * (split.pictures_bps + split.repair_bps)

    @property
    def still_bps(self) -> float:
        """What such a still may take, bit/s on the wire."""
        split = self.decision.split
        return split.data_bps + self.still_share * (split.pictures_bps + split.repair_bps)

    def on_peer_state(self, state: PeerState, now: float) -> bool:
        """What the other side says of itself; True when that is new."""
        before, self.peer = self.peer, state
        if before is not None and before.speech_alone != state.speech_alone:
            self._returning = not state.speech_alone
        if state.wish is not self._control.rungs.view:
            self.look(state.wish, now)
        self._apply(now)
        return before != state

    @property
    def pictures_wanted(self) -> bool:
        """By people and devices; the link has its own say."""
        other_alone = self.peer is not None and self.peer.speech_alone
        return self._camera_on and self._camera_present and not self._speech_alone and not other_alone

    @property
    def decision(self) -> Decision:
        return self._control.decision

    @property
    def rung(self) -> Rung:
        """The rung in force, without pictures while they are not wanted or stand for a still."""
        rung = self.decision.rung
        if rung.pictures is None:
            return rung
        given = both(self.still_share, self._given)
        moving = self.pictures_wanted and given < 1.0
        return replace(rung, pictures=rung.pictures.less(given) if moving else None)

    def _sending(self) -> tuple[Modality, Cause]:
        if self.decision.rung.silent:
            return Modality.WORDS, self.decision.cause
        if self._speech_alone:
            return Modality.AUDIO, Cause.CHOSEN
        if self.peer is not None and self.peer.speech_alone:
            return Modality.AUDIO, Cause.OTHER_CHOSE
        if not self._camera_on:
            return Modality.AUDIO, Cause.CHOSEN
        if not self._camera_present:
            return Modality.AUDIO, Cause.NO_CAMERA
        cause = Cause.CHOSEN if self._returning else self.decision.cause
        pictures = self.decision.rung.pictures
        if pictures is None:
            return Modality.AUDIO, cause
        return Modality.STILLS if pictures.are_stills else Modality.VIDEO, cause

    def _apply(self, now: float) -> None:
        """Puts the decision in force and tells it, if anything is different."""
        sending, cause = self._sending()
        applied = (sending, cause, self.decision.rung.name)
        before, self._applied = self._applied, applied
        if self._transport is not None:
            self._transport.use(self.decision, self.rung, muted=not self._microphone_on)
        if before != applied:
            self._emit(ModalityChanged(now, *applied))
        self._tell(now)

    # Time and feedback

    def tick(self, now: float) -> None:
        """About ten times a second."""
        transport = self._transport
        if transport is None:
            return
        self._enforce(controller.tick(self._control, now, transport.in_flight, self.pictures_wanted), now)
        self._tell(now)

    def on_feedback(self, feedback: TransportFeedback, now: float) -> None:
        self.feedback = feedback
        self._enforce(controller.on_feedback(self._control, feedback, now), now)

    def on_remote(self, remote: RemoteFeedback, now: float) -> None:
        """A guest without transport-wide feedback: REMB or receiver reports."""
        self.feedback = remote
        self._enforce(controller.on_remote(self._control, remote, now), now)

    def interrupted(self, now: float) -> None:
        """Nothing is heard any more: recorded as the cause until something is."""
        self._enforce(controller.lose(self._control, now), now)

    def resumed(self, now: float) -> None:
        """Something is heard again on the same transport."""
        self._enforce(controller.found(self._control, now), now)

    def _enforce(self, control: Control, now: float) -> None:
        before, self._control = self._control, control
        if before.decision == control.decision:
            return
        if control.decision.cause in (Cause.LINK_THIN, Cause.LINK_LOST):
            self._returning = False
        if before.decision.rung.name != control.decision.rung.name:
            log.info(
                "rung %s to %s, %s; the link carries about %.0f kbit/s",
                before.decision.rung.name,
                control.decision.rung.name,
                control.decision.cause,
                control.decision.split.link_bps / 1000,
            )
        self._apply(now)

    # What we say of ourselves

    def _tell(self, now: float) -> None:
        transport = self._transport
        if transport is None:
            return
        sending, cause = self._applied[:2] if self._applied is not None else self._sending()

        stills = self.peer is not None and self.peer.sending is Modality.STILLS
        seen_s = _SEEN_STILL_S if stills else _HEARD_S

        def within(at: float | None, seconds: float) -> bool:
            return at is not None and now - at < seconds

        transport.tell(
            PeerState(
                microphone_on=self._microphone_on,
                camera_on=self._camera_on and self._camera_present,
                sending=sending,
                cause=cause,
                hears_us=within(transport.audio_at, _HEARD_S),
                sees_us=within(transport.video_at, seen_s),
                speech_alone=self._speech_alone,
                wish=self._wish,
            )
        )
