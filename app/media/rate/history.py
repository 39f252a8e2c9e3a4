"""PURE: what became of the packets of the last seconds: feedback messages joined, late news over early."""

from __future__ import annotations

from dataclasses import dataclass

from app.media.rate.feedback import PacketResult, TransportFeedback

KEPT_S = 2.5
MOST_KEPT = 2_000


@dataclass(frozen=True)
class History:
    """`packets` in sending order, of 2.5 s before the newest one told of and 2,000 at most; `fresh`: what the last
    message first told as received, in sending order.
    """

    packets: tuple[PacketResult, ...] = ()
    fresh: tuple[PacketResult, ...] = ()

    def add(self, feedback: TransportFeedback) -> History:
        if not feedback.results:
            return History(self.packets, ())
        if not self.packets or feedback.results[0].number > self.packets[-1].number:
            fresh = tuple(r for r in feedback.results if r.arrived_at is not None)
            return History(_recent((*self.packets, *feedback.results)), fresh)
        known = {p.number: p for p in self.packets}
        oldest = self.packets[0].number
        new = []
        for result in feedback.results:
            before = known.get(result.number)
            if result.number < oldest or (before is not None and before.arrived_at is not None):
                continue  # told before, or so late that it means nothing any more
            known[result.number] = result
            if result.arrived_at is not None:
                new.append(result)
        return History(_recent(tuple(known[number] for number in sorted(known))), tuple(new))


def _recent(packets: tuple[PacketResult, ...]) -> tuple[PacketResult, ...]:
    until = packets[-1].sent_at
    cut = max(0, len(packets) - MOST_KEPT)
    while packets[cut].sent_at < until - KEPT_S:
        cut += 1
    return packets[cut:]
