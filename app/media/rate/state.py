"""PURE: the rate controller's memory and its decision."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from app.media.events import Cause
from app.media.rate.capacity import Capacity, Probe
from app.media.rate.history import History
from app.media.rate.ladder import Rung
from app.media.rate.link import Link
from app.media.rate.loss import Loss
from app.media.rate.probing import Prober
from app.media.rate.queue import QueueDelay
from app.media.rate.rungs import Rungs
from app.media.rate.signals import Verdict
from app.media.rate.speech import Speech
from app.media.rate.split import Split
from app.media.rate.words_alone import WordsAlone

START_SPEECH = Speech(8_000, 120)
FIRST_INTERVAL_S = 0.2
_UNKNOWN_BPS = 200_000.0


class Phase(StrEnum):
    START = "start"  # little is known: probe and climb
    STEADY = "steady"
    DRAIN = "drain"  # after an overuse: under what is carried, until the queue is gone
    SHARED = "shared"  # the queue does not follow what we do: another's
    BLIND = "blind"  # no feedback


@dataclass(frozen=True)
class Decision:
    """What to send: `rung` (speech format, pictures or None), why, how the link is split, the pace (bit/s) of what is
    not speech, the bytes in flight above which pictures and data wait, a probe to be sent once, or None, and the
    largest RTP payload of pictures and data.
    """

    rung: Rung
    cause: Cause
    split: Split
    pacing_bps: float
    window_bytes: int
    probe: Probe | None
    payload_bytes: int


@dataclass(frozen=True)
class Control:
    """The controller's whole memory. Times are monotonic seconds."""

    decision: Decision
    at: float
    phase: Phase = Phase.START
    phase_since: float = 0.0
    feedback_at: float = 0.0
    flight_at: float = 0.0  # when last nothing was in flight
    least_rtt_s: float | None = None
    interval_s: float = FIRST_INTERVAL_S
    link: Link = field(default_factory=Link)
    rungs: Rungs = field(default_factory=Rungs)
    prober: Prober = field(default_factory=Prober)
    history: History = field(default_factory=History)
    queue: QueueDelay = field(default_factory=QueueDelay)
    loss: Loss = field(default_factory=Loss)
    capacity: Capacity = field(default_factory=Capacity)
    verdict: Verdict = Verdict.FAIR
    mark: tuple[float, float] = (0.0, 0.0)  # (when to look again, the queue to compare with): does a drain help?
    clear_since: float | None = None
    standing_s: float = 0.0  # the queue at the last message of a drain
    suspicious: bool = False
    pictures_wanted: bool = True
    remote_loss: float = 0.0
    speech: Speech = field(default=START_SPEECH)
    words: WordsAlone = field(default_factory=WordsAlone)

    @property
    def capacity_bps(self) -> float:
        """The best guess at what the bottleneck serves, for the transmission time of packets."""
        reading = self.capacity.lowest(self.at, self.queue.noise_s)
        if reading is None and self.link.failed_bps is None and self.phase is Phase.START:
            return _UNKNOWN_BPS
        return max(self.link.bps, self.link.failed_bps or 0.0, reading or 0.0)
