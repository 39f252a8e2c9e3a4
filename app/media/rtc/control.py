"""RTCP of one transport: transport-wide feedback, reports, requests and our state out; theirs in.

Reduced-size (RFC 5506) but for a compound report now and then; all of it within a share of the link.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable

from app.media.events import PeerState
from app.media.rate.feedback import RemoteFeedback, TransportFeedback
from app.media.rate.interval import STARTS_FOR_S, feedback_interval
from app.media.rate.ladder import FEEDBACK_SHARE
from app.media.rtc.dtls import SRTCP_OVERHEAD
from app.media.rtc.errors import BadRtcp
from app.media.rtc.inbound import Inbound
from app.media.rtc.nack import AT_ONCE_S
from app.media.rtc.ntp import SenderClock, ntp_time, round_trip
from app.media.rtc.outbound import IP_UDP_BYTES, Outbound, RtpStream
from app.media.rtc.rtcp import (
    FullIntraRequest,
    Nack,
    Part,
    PeerStateReport,
    PictureLoss,
    ReceiverReport,
    Remb,
    ReportBlock,
    SenderReport,
    SourceDescription,
    TransportCc,
    build_rtcp,
    parse_rtcp,
)
from app.media.rtc.sdp import Formats
from app.media.rtc.twcc import parse_feedback

log = logging.getLogger(__name__)

_TURN_S, _SLACK_S = 0.02, 0.001
_RTT_S = 0.2
"""A guess, before the first report has told."""
_FIRST_REPORT_S, _REPORT_S, _THIN_BPS = 0.3, 5.0, 40_000.0
_EARLY_S = (0.1, 0.8, 2.4)
"""After a stream's first packet. Until a sender report has come, lips and speech are not held together: the first is
soon (RFC 6051 section 2.2), and of three one arrives.
"""
_STATE_S = 4.0
_STATE_GAP_S = 0.15
_KEY_GAP_S = 0.7
_FCI_BYTES = 400
_PROBE_WHOLE_S = 0.03
"""After so long without another packet, a probe has come whole."""
_GUEST_S = 1.0


class Control:
    """`send` takes one RTCP datagram in clear. On the loop. `feedback` gets what the far side tells of our packets."""

    def __init__(
        self,
        formats: Formats,
        outbound: Outbound,
        inbound: Inbound,
        *,
        cname: str,
        send: Callable[[bytes], bool],
        feedback: Callable[[TransportFeedback | RemoteFeedback], None],
        peer: Callable[[PeerState], None],
        ours: bool,
    ) -> None:
        self._formats, self._out, self._in, self._ours = formats, outbound, inbound, ours
        self._cname, self._send, self._feedback, self._peer = cname, send, feedback, peer
        self._streams = 0
        self._early: tuple[float, ...] = ()
        self._state: PeerState | None = None
        self._state_due = 0.0
        self._state_new = False
        self._began = time.monotonic()
        self._counted = (self._began, 0, 0.0)
        self._report_due = time.monotonic() + _FIRST_REPORT_S
        self._feedback_due = 0.0
        self._probe_due = math.inf
        self._remb_due = time.monotonic() + _GUEST_S
        self._remb_lost = (0, 0)
        self._keyed_at = 0.0
        self._key_wanted = False
        self._task: asyncio.Task[None] | None = None
        self._hurried: asyncio.TimerHandle | None = None
        self.link_bps = 12_000.0
        self.rtt_s: float | None = None
        self.told_at: float | None = None
        self.fraction_lost: float | None = None
        self.remb_bps: float | None = None
        self._guest_mark: tuple[float, int] | None = None
        self._near: float | None = None
        self.speech_clock, self.picture_clock = SenderClock(48_000), SenderClock(90_000)
        self.sent_bytes = 0
        self.malformed = 0
        self.plis_received = 0
        self.nacks_received = 0

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._run())
        # What is missing is asked for at once: the pictures stand still until it comes.
        self._in.missed = self._hurry
        self._in.probed = self._tell_probe

    async def stop(self) -> None:
        if self._hurried is not None:
            self._hurried.cancel()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def tell(self, state: PeerState) -> None:
        """What we say of ourselves: at once when it is new, and again every few seconds."""
        if state != self._state:
            self._state, self._state_new = state, True

    def ask_key(self) -> None:
        self._key_wanted = True

    # Out

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_TURN_S)
            self.turn(time.monotonic())

    def _hurry(self) -> None:
        if self._hurried is None:
            self._hurried = asyncio.get_running_loop().call_later(AT_ONCE_S + _SLACK_S, self._turn_now)

    def _tell_probe(self, now: float) -> None:
        """At a start the first pictures wait for what a probe has found: it is told of as soon as it is here."""
        if now - self._began < STARTS_FOR_S:
            self._probe_due = now + _PROBE_WHOLE_S

    def _turn_now(self) -> None:
        self._hurried = None
        self.turn(time.monotonic())

    def turn(self, now: float) -> None:
        """Sends what is due. What several things want to say goes in one datagram."""
        # Until the first report, the least that feedback has taken: it holds the wait for its turn, as a repair does.
        rtt = self._trip_s
        self._in.tick(now, rtt if self._formats.nack else None)
        parts: list[Part] = []
        self._expect_streams(now)
        if now >= self._report_due or (self._early and now >= self._early[0]):
            self._early = tuple(at for at in self._early if at > now)
            parts += self._reports(now)
            self._report_due = now + (_REPORT_S if self.link_bps > _THIN_BPS else 2 * _REPORT_S)
        if not self._ours and now >= self._remb_due:
            self._remb_due = now + _GUEST_S
            parts += self._remb(now)
        requests = self._requests(now)
        due = self._formats.transport_cc and self._in.recorder.pending
        due = due and now >= min(self._feedback_due, self._probe_due)
        if due or (requests and self._in.recorder.pending):
            fci = self._in.recorder.flush(_FCI_BYTES)
            parts += [TransportCc(self._out.audio.ssrc, self._in.audio_ssrc or 0, one) for one in fci]
            self._probe_due = math.inf
            self._feedback_due = now + feedback_interval(self.link_bps, self._packets_per_s(now), now - self._began)
        parts += requests
        state = self._state
        if state is not None and ((self._state_new and now >= self._state_due) or (parts and now >= self._state_due)):
            parts.append(PeerStateReport(self._out.audio.ssrc, state))
            self._state_due = now + (_STATE_GAP_S if self._state_new else _STATE_S)
            self._state_new = False
        if parts:
            self._transmit(build_rtcp(parts), now)

    def _expect_streams(self, now: float) -> None:
        streams = sum(stream.packets > 0 for stream in (self._out.audio, self._out.video))
        if streams > self._streams:
            pictures = self._out.pictures.pictures
            moving = pictures is not None and not pictures.are_stills  # stills have no lips, and every byte counts
            self._streams = streams
            self._early = tuple(now + after for after in (_EARLY_S if moving else _EARLY_S[:1]))

    def _packets_per_s(self, now: float) -> float:
        """What arrives, over about a second: each packet costs two bytes of feedback."""
        at, count, rate = self._counted
        if now - at >= 1.0:
            rate = (self._in.received_packets - count) / (now - at)
            self._counted = (now, self._in.received_packets, rate)
        return rate

    def _transmit(self, data: bytes, now: float) -> None:
        size = len(data) + SRTCP_OVERHEAD + IP_UDP_BYTES
        if now - self._began >= STARTS_FOR_S:  # then what was just sent must be earned before the next
            self._feedback_due = max(self._feedback_due, now + size * 8 / (FEEDBACK_SHARE * self.link_bps))
        if self._send(data):
            self.sent_bytes += size
            self._out.beside(size, now)

    def _requests(self, now: float) -> list[Part]:
        found: list[Part] = []
        ours, theirs = self._out.audio.ssrc, self._in.video_ssrc
        if theirs is None:
            return found
        lost = self._in.missing(now)
        if lost:
            found.append(Nack(ours, theirs, tuple(lost)))
        if self._key_wanted and now - self._keyed_at >= _KEY_GAP_S:
            self._key_wanted, self._keyed_at = False, now
            found.append(PictureLoss(ours, theirs))
        return found

    def _remb(self, now: float) -> list[Part]:
        """What a guest may send us. A browser goes by transport feedback and takes this as a ceiling: left alone it
        keeps the queue of a link of 64 kbit/s full.
        """
        streams = (self._in.audio, self._in.video)
        got, lost = sum(s.packets_received for s in streams), sum(s.packets_lost for s in streams)
        got_now, lost_now = got - self._remb_lost[0], lost - self._remb_lost[1]
        self._remb_lost = (got, lost)
        gone = max(0.0, min(1.0, lost_now / max(1, got_now + lost_now)))
        ssrcs = tuple(s for s in (self._in.audio_ssrc, self._in.video_ssrc) if s is not None)
        if not ssrcs:
            return []
        return [Remb(self._out.audio.ssrc, round(self._in.receive_side.estimate(now, gone)), ssrcs)]

    def _reports(self, now: float) -> list[Part]:
        """A compound report (RFC 3550 section 6.1) for each stream that we send; the blocks go with the first."""
        blocks: list[ReportBlock] = []
        for ssrc, stream in ((self._in.audio_ssrc, self._in.audio), (self._in.video_ssrc, self._in.video)):
            block = None if ssrc is None else stream.report(ssrc, now)
            if block is not None:
                blocks.append(block)
        sending = [s for s in (self._out.audio, self._out.video) if s.packets and s.newest is not None]
        parts: list[Part] = []
        for stream_out in sending:
            parts.append(self._sender_report(stream_out, tuple(blocks), now))
            blocks = []
        if not parts:
            parts.append(ReceiverReport(self._out.audio.ssrc, tuple(blocks)))
        parts.append(SourceDescription(self._out.audio.ssrc, self._cname))
        return parts

    def _sender_report(self, stream: RtpStream, blocks: tuple[ReportBlock, ...], now: float) -> SenderReport:
        return SenderReport(
            stream.ssrc, ntp_time(now), stream.rtp_time(now), stream.packets, stream.octets, tuple(blocks)
        )

    # In

    @property
    def _trip_s(self) -> float:
        """There and back, as far as it is known."""
        return self.rtt_s or self._out.log.least_trip or _RTT_S

    def on_rtcp(self, data: bytes, now: float) -> None:
        """One RTCP datagram in clear, authenticated. What is malformed is counted and dropped."""
        try:
            parts = parse_rtcp(data)
        except BadRtcp as exc:
            self.malformed += 1
            log.debug("malformed RTCP: %s", exc)
            return
        for part in parts:
            self._take(part, now)

    def _take(self, part: Part, now: float) -> None:
        match part:
            case TransportCc(fci=fci):
                self._on_transport_cc(fci, now)
            case SenderReport(ssrc=ssrc, ntp=ntp, rtp=rtp, reports=reports):
                self._on_sender_report(ssrc, ntp, rtp, now)
                self._on_blocks(reports, now)
            case ReceiverReport(reports=reports):
                self._on_blocks(reports, now)
            case Nack(media=media, lost=lost) if media == self._out.video.ssrc:
                self.nacks_received += 1
                self._out.on_nack(list(lost), now)
            case PictureLoss() | FullIntraRequest():
                self.plis_received += 1
                self._out.on_picture_loss(now, self._trip_s)
            case Remb(bitrate=bitrate):
                self.remb_bps = float(bitrate)
                self._on_guest(now)
            case PeerStateReport(state=state):
                self._peer(state)
            case _:
                pass

    def _on_transport_cc(self, fci: bytes, now: float) -> None:
        """The parser has vouched for it when the datagram was read."""
        parsed = parse_feedback(fci, self._near)
        arrived = [at for _, at in parsed.arrivals if at is not None]
        if arrived:
            self._near = arrived[-1]
        feedback = self._out.log.on_feedback(parsed.arrivals, now)
        if any(result.arrived_at is not None for result in feedback.results):
            self.told_at = now
        self._feedback(feedback)

    def _on_sender_report(self, ssrc: int, ntp: int, rtp: int, now: float) -> None:
        for known, stream, clock in (
            (self._in.audio_ssrc, self._in.audio, self.speech_clock),
            (self._in.video_ssrc, self._in.video, self.picture_clock),
        ):
            if ssrc == known:
                stream.sender_report(ntp, now)
                clock.report(ntp, rtp)

    def _on_blocks(self, blocks: tuple[ReportBlock, ...], now: float) -> None:
        ours = [b for b in blocks if b.ssrc in (self._out.audio.ssrc, self._out.video.ssrc)]
        if not ours:
            return
        trips = [trip for b in ours if (trip := round_trip(b.lsr, b.dlsr, now)) is not None]
        if trips:
            self.rtt_s = min(trips)
            self._in.receive_side.trip(now, self.rtt_s)
        self.fraction_lost = max(b.fraction_lost for b in ours) / 256
        self._on_guest(now)

    def _on_guest(self, now: float) -> None:
        """Without transport-wide feedback, REMB and reports are all there is."""
        if self._formats.transport_cc:
            return
        before = self._guest_mark
        if before is not None and now - before[0] < _GUEST_S / 2:
            return
        self._guest_mark = (now, self._out.sent_bytes)
        if before is not None:
            sent = (self._out.sent_bytes - before[1]) * 8 / (now - before[0])
            self.told_at = now
            self._feedback(RemoteFeedback(now, self.remb_bps, self.fraction_lost, self.rtt_s, sent))
