"""What we send and say of ourselves: the rung in force, our reports, and what the other side's reports tell us."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from app.media.events import Cause, Modality, ModalityChanged, PeerState, SessionEvent
from app.media.rate import controller
from app.media.rate.arrivals import QueueDelay
from app.media.rate.capacity import is_wide
from app.media.rate.controller import Control, Phase
from app.media.rate.feedback import LinkFeedback
from app.media.rate.ladder import CONTROL_BPS, LADDER, Rung
from app.media.rate.loss import RecentLoss
from app.media.rtc.report import LinkReport
from app.media.rtc.transport import PeerTransport
from app.media.settings import MediaSettings

log = logging.getLogger(__name__)

_HEARD_S = 2.0
_WRAP = 1 << 32


@dataclass(frozen=True)
class _Mark:
    """A report of the other side, and what we had sent when it came."""

    clock_ms: int
    received_bytes: int
    sent_bytes: int
    at: float


class Outgoing:
    """One per session; transports are attached in turn. On the loop."""

    def __init__(self, settings: MediaSettings, emit: Callable[[SessionEvent], None]) -> None:
        self._settings, self._emit = settings, emit
        self._transport: PeerTransport | None = None
        self._control = controller.start(0.0)
        self._microphone_on = True
        self._camera_on = True
        self._camera_present = False
        self._applied: tuple[Modality, Cause, str] | None = None
        self._person_acted = False
        self.peer: PeerState | None = None
        self.rtt_s: float | None = None
        self.feedback: LinkFeedback | None = None
        self._reset(0.0)

    def _reset(self, now: float) -> None:
        self._mark: _Mark | None = None
        self._marks: deque[_Mark] = deque(maxlen=4)
        self._loss = RecentLoss()
        self._rtt_base = QueueDelay()
        self._rtcp_mark: tuple[float, int] | None = None
        self._peer_clock: tuple[int, float] | None = None
        self._report_due = now
        self._last_state: PeerState | None = None
        self._attached_at = now
        self._pictures_due: float | None = None

    def begin(self, now: float, *, camera: bool) -> None:
        self._control = controller.start(now)
        self._camera_present = camera
        self._apply(now)

    def attach(self, transport: PeerTransport, now: float) -> None:
        """A new transport: what was measured on the old one says nothing any more, what was decided stays."""
        self._transport = transport
        self._reset(now)
        self._attached_at, self._pictures_due = now, now + self._settings.pictures_wait
        self._control = replace(self._control, feedback_at=now, good_since=None, bad_since=None)
        self._apply(now)

    def detach(self) -> None:
        self._transport = None

    # What people and devices decide

    def set_microphone(self, on: bool, now: float) -> None:
        self._microphone_on = on
        self._say(now)

    def set_camera(self, on: bool, now: float) -> None:
        self._camera_on = on
        self._person_acted = True
        self._apply(now)

    def set_camera_present(self, present: bool, now: float) -> None:
        self._camera_present = present
        self._apply(now)

    def interrupted(self, now: float) -> None:
        """Nothing is heard: recorded as the cause until feedback returns."""
        self._enforce(controller.lose(self._control, now), now)

    @property
    def rung(self) -> Rung:
        """The rung in force, without pictures while there is no camera or it is off."""
        rung = LADDER[self._control.rung]
        if rung.pictures is not None and not (self._camera_on and self._camera_present):
            return replace(rung, pictures=None)
        return rung

    @property
    def estimate_bps(self) -> float:
        return self._control.estimate_bps

    def _sending(self) -> tuple[Modality, Cause]:
        if LADDER[self._control.rung].pictures is None:
            return Modality.AUDIO, self._control.cause
        if not self._camera_on:
            return Modality.AUDIO, Cause.CHOSEN
        if not self._camera_present:
            return Modality.AUDIO, Cause.NO_CAMERA
        chosen = self._person_acted and self._applied is not None and self._applied[1] is Cause.CHOSEN
        return Modality.VIDEO, Cause.CHOSEN if chosen else self._control.cause

    def _apply(self, now: float) -> None:
        """Puts the rung in force and tells it, if anything is different."""
        sending, cause = self._sending()
        rung = self.rung
        now_applied = (sending, cause, LADDER[self._control.rung].name)
        before, self._applied = self._applied, now_applied
        if self._transport is not None:
            self._transport.use(rung if self._pictures_due is None else replace(rung, pictures=None))
        if before != now_applied:
            self._emit(ModalityChanged(now, sending, cause, now_applied[2]))
        self._say(now)

    def _show_pictures(self, now: float) -> None:
        self._pictures_due = None
        self._apply(now)

    # Reports

    def tick(self, now: float) -> None:
        """Four times a second: reports that are due, and feedback for peers that send none."""
        transport = self._transport
        if transport is None:
            return
        newest = transport.arrivals.delay.newest
        state = self._own_state(now)
        congested = newest is not None and newest * 1000 > self._settings.congested_ms
        # Twice as often while pictures come in: their sender must learn fast that they do not fit.
        congested = congested or self._seen(now)
        congested = congested or now - self._attached_at < self._settings.report_often_for
        if self._pictures_due is not None and now >= self._pictures_due:
            self._show_pictures(now)
        gap = self._settings.report_every_congested if congested else self._settings.report_every
        measured = transport.arrivals.capacity_bps
        wide = measured is not None and is_wide(measured)  # the other side may be waiting to hear it
        if wide or state != self._last_state or now >= self._report_due - (self._settings.report_every - gap):
            self._say(now)
        self._decide(None, now)

    def _seen(self, now: float) -> bool:
        at = None if self._transport is None else self._transport.video_at
        return at is not None and now - at < _HEARD_S

    def _own_state(self, now: float) -> PeerState:
        sending, cause = self._applied[:2] if self._applied is not None else self._sending()
        transport = self._transport

        def heard(at: float | None) -> bool:
            return at is not None and now - at < _HEARD_S

        return PeerState(
            microphone_on=self._microphone_on,
            camera_on=self._camera_on and self._camera_present,
            sending=sending,
            cause=cause,
            hears_us=transport is not None and heard(transport.audio_at),
            sees_us=transport is not None and heard(transport.video_at),
        )

    def _say(self, now: float) -> None:
        transport = self._transport
        if transport is None or not transport.has_channel:
            return
        state = self._own_state(now)
        echo, held = self._peer_clock if self._peer_clock is not None else (0, None)
        arrivals = transport.arrivals
        delay = arrivals.delay.take()
        delay = arrivals.delay.newest if delay is None else delay
        report = LinkReport(
            state=state,
            clock_ms=_ms(now),
            received_bytes=arrivals.bytes,
            received_packets=arrivals.received,
            lost_packets=arrivals.lost,
            queue_delay_ms=None if delay is None else round(delay * 1000),
            echo_ms=echo,
            held_ms=None if held is None else round((now - held) * 1000),
            capacity_kbps=None if arrivals.capacity_bps is None else round(arrivals.capacity_bps / 1000),
        )
        if transport.send_report(report):
            arrivals.capacity_told()
            self._last_state = state
            self._report_due = now + self._settings.report_every

    def on_report(self, report: LinkReport, now: float) -> bool:
        """Takes a report of the other side; True when what it says of itself is new."""
        transport = self._transport
        if transport is None:
            return False
        if self._peer_clock is not None and (report.clock_ms - self._peer_clock[0]) % _WRAP > _WRAP // 2:
            return False  # overtaken by a later one
        self._peer_clock = (report.clock_ms, now)
        if self._pictures_due is not None:
            self._show_pictures(now)
        if report.held_ms is not None:
            rtt = ((_ms(now) - report.echo_ms - report.held_ms) % _WRAP) / 1000
            if rtt < 60:
                self.rtt_s = rtt
        feedback = self._feedback_of(report, transport, now)
        if feedback is not None:
            self._decide(feedback, now)
        changed = report.state != self.peer
        self.peer = report.state
        return changed

    def _feedback_of(self, report: LinkReport, transport: PeerTransport, now: float) -> LinkFeedback | None:
        """Rates since the mark about a second ago; None until there is one."""
        mark = _Mark(report.clock_ms, report.received_bytes, transport.sent_bytes, now)
        self._loss.add(report.received_packets, report.lost_packets)
        old = next((m for m in self._marks if (report.clock_ms - m.clock_ms) % _WRAP >= 400), None)
        self._marks.append(mark)
        while len(self._marks) > 1 and (report.clock_ms - self._marks[1].clock_ms) % _WRAP >= 900:
            self._marks.popleft()
        if old is None:
            return None
        passed = ((report.clock_ms - old.clock_ms) % _WRAP) / 1000
        # The far side counts RTP; what else we send is known well enough.
        received = ((report.received_bytes - old.received_bytes) % _WRAP) * 8 / passed + CONTROL_BPS
        sent = (mark.sent_bytes - old.sent_bytes) * 8 / max(0.2, now - old.at)
        delay = None if report.queue_delay_ms is None else report.queue_delay_ms / 1000
        capacity = None if report.capacity_kbps is None else report.capacity_kbps * 1000.0
        return LinkFeedback(now, self.rtt_s, self._loss.fraction, delay, received, sent, capacity)

    def has_reports(self, now: float) -> bool:
        """Whether the other side speaks on our link channel; False only when there was time enough for it."""
        return self._peer_clock is not None or now - self._attached_at < self._settings.pictures_wait

    def on_rtcp(self, rtt_s: float | None, fraction_lost: float, now: float) -> None:
        """For guests without our link channel: what their RTCP receiver reports say. The round trip above its least
        stands for the queue: it counts both directions, so it errs on the careful side.
        """
        transport = self._transport
        if transport is None:
            return
        self.rtt_s = rtt_s
        queue = None if rtt_s is None else self._rtt_base.add(now, now - rtt_s)
        before, self._rtcp_mark = self._rtcp_mark, (now, transport.sent_bytes)
        if before is not None and now > before[0]:
            sent = (transport.sent_bytes - before[1]) * 8 / (now - before[0])
            self._decide(LinkFeedback(now, rtt_s, fraction_lost, queue, None, sent), now)

    def _decide(self, feedback: LinkFeedback | None, now: float) -> None:
        if feedback is not None:
            self.feedback = feedback
        self._enforce(controller.step(self._control, feedback, now), now)
        if self._transport is not None:
            # Only a peer that reports knows probes; a guest never gets one.
            known = self._peer_clock is not None
            self._transport.probe_every = controller.probe_every(self._control, now) if known else None

    def _enforce(self, control: Control, now: float) -> None:
        before, self._control = self._control, control
        if control.rung < before.rung:
            self._loss.restart()
        if before.phase is Phase.BLIND and control.phase is not Phase.BLIND:
            # What an outage lost and held up is not held against the link after it.
            self._loss.restart()
            self._marks.clear()
        if before.rung != control.rung:
            _log_change(before, control, self.feedback)
        if (before.rung, before.cause) != (control.rung, control.cause):
            self._apply(now)


def _log_change(before: Control, after: Control, feedback: LinkFeedback | None) -> None:
    readings = after.probes.readings or before.probes.readings
    probe = f"{readings[-1][1] / 1000:.0f} kbit/s" if readings else "none"
    queue = None if feedback is None else feedback.queue_delay_s
    log.info(
        "rung %s to %s, %s; estimate %.0f kbit/s, probe %s, queue %s ms, loss %.2f, hold %.0f s",
        LADDER[before.rung].name,
        LADDER[after.rung].name,
        after.cause,
        after.estimate_bps / 1000,
        probe,
        "-" if queue is None else round(queue * 1000),
        0.0 if feedback is None else feedback.fraction_lost,
        after.hold_s,
    )


def _ms(now: float) -> int:
    return int(now * 1000) % _WRAP
