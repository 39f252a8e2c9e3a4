"""A local log of how calls went, for who has to find out why one was bad: figures and events, nothing about people.

JSON lines in a file that rotates. No names, no addresses, no ids of people or devices: only what is listed here is
written.
"""

from __future__ import annotations

import copy
import json
import logging
import logging.handlers
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.media.events import ConnectionChanged, DeviceChanged, ModalityChanged, PeerChanged, SessionEvent

log = logging.getLogger(__name__)

FILE = "calls.jsonl"
_MOST_BYTES, _KEPT = 1_000_000, 4
_EVERY_S = 2.0
FIGURES: Mapping[str, tuple[str, ...]] = {
    "audio_in": (
        "packetsReceived", "packetsLost", "jitter", "totalSamplesReceived", "concealedSamples",
        "silentConcealedSamples", "concealmentEvents", "jitterBufferDelay", "jitterBufferEmittedCount",
        "insertedSamplesForDeceleration", "removedSamplesForAcceleration", "framesRecoveredByRed",
        "framesRecoveredByFec",
    ),
    "video_in": ("packetsReceived", "packetsLost", "framesDecoded", "framesDropped", "freezeCount",
                 "totalFreezesDuration", "frameWidth", "frameHeight", "nackCount", "pliCount"),
    "audio_out": ("packetsSent", "bytesSent", "targetBitrate", "frameMs", "redundancy", "fractionLost"),
    "video_out": ("packetsSent", "bytesSent", "framesEncoded", "keyFramesEncoded", "targetBitrate",
                  "retransmittedPacketsSent"),
    "transport": ("rung", "bytesSent", "bytesReceived", "availableOutgoingBitrate", "currentRoundTripTime",
                  "localCandidateType", "remoteCandidateType"),
}  # fmt: skip


class CallLog:
    """One for each running app; `begin` for each call, `beside` for one with a guest beside it. A log that cannot be
    written costs no visit.
    """

    def __init__(self, folder: Path) -> None:
        self._logger = logging.Logger(
            f"calls-{secrets.token_hex(4)}", logging.INFO
        )  # of its own: nothing goes further
        self._due = 0.0
        self._call = ""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handler = logging.handlers.RotatingFileHandler(
                folder / FILE, maxBytes=_MOST_BYTES, backupCount=_KEPT, encoding="utf-8", delay=True
            )
        except OSError as exc:
            log.warning("calls are not logged: %s", exc)
            self._logger.addHandler(logging.NullHandler())
            return
        handler.setFormatter(logging.Formatter("%(message)s"))
        self._logger.addHandler(handler)

    def begin(self) -> None:
        """A new visit: its lines share a number that says nothing else."""
        self._call, self._due = secrets.token_hex(4), 0.0

    def beside(self) -> CallLog:
        """Another call at the same time, in the same file, begun already."""
        other = copy.copy(self)
        other.begin()
        return other

    def statistics(self, at: float, parts: Mapping[str, Mapping[str, Any]]) -> None:
        """`at` in Unix seconds; the newest figures, written every two seconds at most."""
        if at < self._due:
            return
        self._due = at + _EVERY_S
        kept = {
            part: {name: parts[part][name] for name in names if name in parts.get(part, {})}
            for part, names in FIGURES.items()
        }
        self._write(at, {"figures": kept})

    def event(self, at: float, event: SessionEvent) -> None:
        """What changed, without whose it is: a device's name stays out."""
        words: dict[str, Any] | None = None
        match event:
            case ConnectionChanged(state=state):
                words = {"connection": state.value}
            case ModalityChanged(sending=sending, cause=cause, rung=rung):
                words = {"sending": sending.value, "cause": cause.value, "rung": rung}
            case PeerChanged(peer=peer):
                words = {"peerSending": peer.sending.value, "peerCause": peer.cause.value, "hearsUs": peer.hears_us}
            case DeviceChanged(kind=kind, state=device):
                words = {"device": kind, "is": device}
            case _:
                return
        self._write(at, {"event": words})

    def close(self) -> None:
        for handler in list(self._logger.handlers):
            handler.close()
            self._logger.removeHandler(handler)

    def _write(self, at: float, words: dict[str, Any]) -> None:
        self._logger.info("%s", json.dumps({"t": round(at, 2), "call": self._call, **words}, separators=(",", ":")))
