"""PURE: what the worker believes of the way to the clinic, and when it asks the clinic itself again."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.offline.transfer import FailureKind, retry_delay

LAST_PROBE_S = 60.0


@dataclass(frozen=True)
class Link:
    """`down`: None while things get through, else why not. `probe_at`: UTC epoch, s, of the next question."""

    down: FailureKind | None = None
    tries: int = 0
    probe_at: float = 0.0
    asked: bool = False  # a probe is wanted, whatever else is due

    @property
    def up(self) -> bool:
        return self.down is None

    def due(self, now: float) -> bool:
        """Whether a probe may go at `now` (UTC epoch, s). One farther ahead than any wait: the clock was set back."""
        return not now < self.probe_at <= now + 2 * LAST_PROBE_S

    def failed(self, kind: FailureKind, now: float, jitter: float) -> Link:
        """It did not get through: asked again after 2 s and doubling, a minute at most, for ever."""
        tries = self.tries + 1
        return Link(kind, tries, now + min(LAST_PROBE_S, retry_delay(tries, jitter)))

    def answered(self) -> Link:
        """The clinic answered a probe. Tries count until bytes move: a link that carries no more is no good link."""
        return replace(self, down=None, asked=False)

    def moved(self) -> Link:
        """Bytes got through."""
        return replace(self, tries=0)

    def hurried(self) -> Link:
        """Something may have changed: asked at once."""
        return replace(self, tries=0, probe_at=0.0)

    def doubted(self) -> Link:
        """The network changed, or the computer slept: nothing is believed before the clinic has answered."""
        return Link(self.down or FailureKind.OFFLINE, asked=True)
