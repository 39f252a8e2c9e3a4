"""Two real sessions over loopback, one of them kept from sending pictures: its probes measure, and are no pictures."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from dataclasses import replace

import pytest
from session_pair import Pair, pair

from app.media.events import Cause, Modality
from app.media.rate import controller
from app.media.rate.ladder import SPEECH_ONLY


def _thin(both: Pair) -> None:
    """Side a's pictures are stopped, as if its link had become thin, and no try is allowed."""
    outgoing, now = both.a.session.outgoing, time.monotonic()
    state = replace(controller.start(now, SPEECH_ONLY), cause=Cause.LINK_THIN, trust_at=math.inf, retry_at=math.inf)
    outgoing._control = state
    outgoing._apply(now)


def test_probes_measure_the_link_are_no_pictures_and_bring_the_pictures_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def run() -> None:
        async with pair() as both:
            await both.until(lambda: both.b.pictures >= 3)
            a, b = both.a.session, both.b.session
            out, into = a._current, b._current
            assert out is not None
            assert into is not None
            assert out.probes_sent == 0, "none while pictures flow"
            _thin(both)
            await both.until(lambda: into.probes_received >= 1)
            await both.until(lambda: not both.a.peer.sees_us)
            seen, last_picture, decoded = both.b.pictures, into.video_at, into.frames_decoded
            before = into.probes_received
            await both.until(
                lambda: into.probes_received >= before + 2 and len(a.outgoing._control.probes.readings) >= 2
            )
            assert (both.b.pictures, into.video_at, into.frames_decoded) == (seen, last_picture, decoded)
            assert not both.a.peer.sees_us
            assert both.a.peer.hears_us
            assert into.arrivals.lost == 0
            assert all(50e3 < bps < 3e6 for _, bps in a.outgoing._control.probes.readings)
            assert both.a.sending[-1].sending is Modality.AUDIO
            a.outgoing._control = replace(a.outgoing._control, trust_at=0.0)
            await both.until(lambda: both.b.pictures > seen + 3)
            assert both.a.sending[-1].cause is Cause.LINK_RECOVERED
            assert into.bad_reports == out.bad_reports == 0

    with caplog.at_level(logging.INFO, "app.media.outgoing"):
        asyncio.run(run())
    assert any("link-recovered" in r.message and "probe" in r.message for r in caplog.records)
