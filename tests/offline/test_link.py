"""When the worker asks the clinic again: growing waits, a minute at most, also when the clock is set back."""

from __future__ import annotations

from app.offline.link import LAST_PROBE_S, Link
from app.offline.transfer import FailureKind


def test_a_probe_waits_its_time_and_a_clock_set_back_does_not_hold_it_up() -> None:
    link = Link()
    for _ in range(9):
        link = link.failed(FailureKind.OFFLINE, 1000.0, 0.0)
    assert link.probe_at == 1000.0 + LAST_PROBE_S
    assert [link.due(now) for now in (1000.0, 1059.0, 1060.0, 2000.0)] == [False, False, True, True]
    assert not link.due(link.probe_at - 2 * LAST_PROBE_S)
    assert link.due(link.probe_at - 2 * LAST_PROBE_S - 1.0)  # no wait is that long: the clock was set back
    assert link.hurried().due(0.0)
