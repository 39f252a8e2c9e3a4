"""The link's figures in words: rounded, and silent while nothing is known."""

from __future__ import annotations

import pytest

from app.presenters.figures import link_figures


@pytest.mark.parametrize(
    ("carries", "trip", "words"),
    [
        (139_295, 0.127, "About 140 kbit/s from here, 0.1 s there and back"),
        (22_900, 0.61, "About 23 kbit/s from here, 0.6 s there and back"),
        (9_000, 0.2, "About 9 kbit/s from here, 0.2 s there and back"),
        (900_000, 0.04, "About 900 kbit/s from here, under 0.1 s there and back"),
        (400, 1.0, "About 1 kbit/s from here, 1.0 s there and back"),
        (0, 0.1, ""),
        (50_000, None, ""),
    ],
)
def test_figures_in_words(carries: int, trip: float | None, words: str) -> None:
    transport = {"availableOutgoingBitrate": carries}
    if trip is not None:
        transport["currentRoundTripTime"] = trip  # type: ignore[assignment]
    assert link_figures({"transport": transport}) == words


def test_nothing_is_said_before_there_is_a_transport() -> None:
    assert link_figures({}) == ""
