"""PURE: the link report, 32 bytes each way about once a second on the unordered, unreliable data channel "link".

Network byte order: version 1, flags 1, sending 1, cause 1, clock 4 (ms, wraps), wire bytes received 4 (wraps), packets
received 4 (wraps), packets lost 4, one-way queue delay 2 (ms, 0xFFFF unknown), echo of the newest clock received 4,
ms that this was held 2, capacity measured since the last report 2 (kbit/s, 0 none), reserved 2. Counts are cumulative,
so a lost report costs nothing.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from app.media.events import Cause, Modality, PeerState
from app.media.rtc.errors import BadReport

_LAYOUT = struct.Struct("!BBBBIIIIHIHHH")
_VERSION = 1
_UNKNOWN_DELAY = 0xFFFF
_NO_ECHO = 0xFFFF
_MOST_KBPS = 0xFFFF
_SENDING = (Modality.VIDEO, Modality.STILLS, Modality.AUDIO, Modality.WORDS)
_CAUSES = (
    Cause.START,
    Cause.CHOSEN,
    Cause.NO_CAMERA,
    Cause.LINK_THIN,
    Cause.LINK_RECOVERED,
    Cause.LINK_LOST,
)
SIZE = _LAYOUT.size


@dataclass(frozen=True)
class LinkReport:
    """`queue_delay_ms` None: not known. `held_ms` None: nothing to echo yet. `capacity_kbps` is 1..65535, None: not
    measured since the last report.
    """

    state: PeerState
    clock_ms: int
    received_bytes: int
    received_packets: int
    lost_packets: int
    queue_delay_ms: int | None
    echo_ms: int
    held_ms: int | None
    capacity_kbps: int | None = None


def pack_report(report: LinkReport) -> bytes:
    state = report.state
    flags = state.microphone_on | state.camera_on << 1 | state.hears_us << 2 | state.sees_us << 3
    delay, held = report.queue_delay_ms, report.held_ms
    return _LAYOUT.pack(
        _VERSION,
        flags,
        _SENDING.index(state.sending),
        _CAUSES.index(state.cause),
        report.clock_ms & 0xFFFFFFFF,
        report.received_bytes & 0xFFFFFFFF,
        report.received_packets & 0xFFFFFFFF,
        report.lost_packets & 0xFFFFFFFF,
        _UNKNOWN_DELAY if delay is None else max(0, min(delay, _UNKNOWN_DELAY - 1)),
        report.echo_ms & 0xFFFFFFFF,
        _NO_ECHO if held is None else max(0, min(held, _NO_ECHO - 1)),
        0 if report.capacity_kbps is None else max(1, min(report.capacity_kbps, _MOST_KBPS)),
        0,
    )


def parse_report(data: bytes) -> LinkReport:
    """Raises BadReport for anything but an exact report of this version."""
    if len(data) != SIZE:
        raise BadReport(f"a link report has {SIZE} bytes, not {len(data)}")
    version, flags, sending, cause, clock, got, packets, lost, delay, echo, held, kbps, reserved = _LAYOUT.unpack(data)
    if version != _VERSION or flags > 15 or reserved:
        raise BadReport("not a link report of this version")
    if sending >= len(_SENDING) or cause >= len(_CAUSES):
        raise BadReport("a link report with an unknown modality or cause")
    state = PeerState(
        microphone_on=bool(flags & 1),
        camera_on=bool(flags & 2),
        sending=_SENDING[sending],
        cause=_CAUSES[cause],
        hears_us=bool(flags & 4),
        sees_us=bool(flags & 8),
    )
    return LinkReport(
        state,
        clock,
        got,
        packets,
        lost,
        None if delay == _UNKNOWN_DELAY else delay,
        echo,
        None if held == _NO_ECHO else held,
        kbps or None,
    )
