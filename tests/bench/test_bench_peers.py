"""What is read from /proc and from the peers' own files."""

from __future__ import annotations

import pytest

from tests.bench.long_visit import heard_until, last_state
from tests.bench.peer_cost import Sample, cores, cpu_seconds, growth_mb_an_hour, levels, rss_mb


def test_cpu_time_is_read_behind_a_name_with_brackets() -> None:
    stat = "7 (a) b) S " + " ".join(["0"] * 10) + " 150 50 9 9"
    assert cpu_seconds(stat, 100) == 2.0


def test_resident_memory_is_read_in_megabytes() -> None:
    assert rss_mb("Name:\tpython\nVmRSS:\t  100000 kB\nThreads:\t3\n") == pytest.approx(102.4)


def test_growth_is_a_slope_after_warming_up() -> None:
    samples = [Sample(60.0 * n, 0.1 * n, 100 + (50 if n < 2 else n)) for n in range(11)]
    assert growth_mb_an_hour(samples) == pytest.approx(60)
    assert growth_mb_an_hour(samples[:4]) is None
    assert levels(samples[:4]) == ()
    level = [Sample(60.0 * at, 0.0, 90.0 + min(at, 7)) for at in range(10)]
    assert levels(level) == (93.0, 95.0, 97.0, 97.0), "from 120 s on: no more in the last quarter"
    assert cores(samples) == pytest.approx(0.1 / 60)


def test_a_visit_lasted_when_it_was_connected_before_it_closed() -> None:
    def state(name: str) -> dict[str, object]:
        return {"t": 1.0, "event": {"k": "ConnectionChanged", "s": {"state": name}}}

    assert last_state([state("connecting"), state("connected"), state("closed")]) == "connected"
    assert last_state([state("connected"), state("interrupted"), state("closed")]) == "interrupted"
    assert last_state([]) == ""


def test_concealed_samples_are_not_heard() -> None:
    lines = [
        {"t": 1.0, "audio_in": {"totalSamplesReceived": 100, "concealedSamples": 0}},
        {"t": 2.0, "audio_in": {"totalSamplesReceived": 200, "concealedSamples": 100}},
        {"t": 3.0},
    ]
    assert heard_until(lines) == 1.0
