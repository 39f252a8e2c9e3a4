"""The link's figures in a few quiet words, for who wants to know more than the sentence: pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def link_figures(stats: Mapping[str, Mapping[str, Any]]) -> str:
    """From W3C figures: what the link carries from here, and how long a word is under way. Rounded so that it does
    not flicker; empty while nothing is known.
    """
    transport = stats.get("transport", {})
    carries, trip = transport.get("availableOutgoingBitrate"), transport.get("currentRoundTripTime")
    if not carries or trip is None:
        return ""
    under_way = "under 0.1 s" if trip < 0.1 else f"{trip:.1f} s"
    return f"About {_two_digits(carries / 1000)} kbit/s from here, {under_way} there and back"


def _two_digits(figure: float) -> int:
    if figure < 1:
        return 1
    step = 10 ** max(0, math.floor(math.log10(figure)) - 1)
    return int(round(figure / step) * step)
