"""PURE: how what the link carries is split: RTCP, speech, repair, pictures, data, in this order of right."""

from __future__ import annotations

from dataclasses import dataclass

from app.media.rate.ladder import CONSENT_BPS, FEEDBACK_SHARE, Rung, repair_share

WINDOW_SLACK_S = 0.06
_INTERVALS = 1.6  # feedback messages are not sent to the tick, and one may be lost
_WINDOW_ROOM = 1.1
_JITTERS = 3  # standard deviations between the least round trip and a long one
_LEAST_WINDOW_BYTES = 1_500
LEAST_PACING_BPS = 2_000.0


@dataclass(frozen=True)
class Split:
    """Every figure bit/s on the wire, headers in; the sum of the parts never exceeds `link_bps`."""

    link_bps: float
    speech_bps: float
    repair_bps: float
    pictures_bps: float
    data_bps: float
    feedback_bps: float


def split(link_bps: float, rung: Rung, loss: float, paused: bool) -> Split:
    """Of `link_bps`; with `paused` nothing but speech is sent."""
    feedback = min(link_bps, link_bps * FEEDBACK_SHARE + CONSENT_BPS)
    left = link_bps - feedback
    speech = min(left, float(rung.speech_bps))
    left -= speech
    if paused:
        return Split(link_bps, speech, 0.0, 0.0, 0.0, feedback)
    if rung.pictures is None:
        return Split(link_bps, speech, 0.0, 0.0, left, feedback)
    pictures = min(left / (1 + repair_share(loss)), float(rung.pictures.wire_bps))
    repair = min(left - pictures, pictures * repair_share(loss))
    return Split(link_bps, speech, repair, pictures, left - pictures - repair, feedback)


def pacing_bps(parts: Split) -> float:
    """The pace of everything that is not speech: a frame of several times the mean never goes out faster than the link
    takes it beside speech.
    """
    return max(LEAST_PACING_BPS, parts.link_bps - parts.speech_bps - parts.feedback_bps)


def window_bytes(link_bps: float, least_rtt_s: float, interval_s: float, noise_s: float) -> int:
    """Bytes in flight that this link holds without a queue, and a little room: self-clocking (RFC 8298 section 4.1.2).
    When feedback stays away, pictures stop by themselves.
    """
    held = link_bps / 8 * (least_rtt_s + _INTERVALS * interval_s + WINDOW_SLACK_S + _JITTERS * noise_s)
    return max(_LEAST_WINDOW_BYTES, round(_WINDOW_ROOM * held))
