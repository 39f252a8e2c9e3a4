"""How speech is sent: what may be asked for, and what it costs on the wire."""

from __future__ import annotations

import pytest

from app.media.rate.speech import Speech


@pytest.mark.parametrize(
    "values",
    [
        {"bitrate": 5_999},
        {"bitrate": 32_001},
        {"frame_ms": 10},
        {"frame_ms": 80},
        {"redundancy": -1},
        {"redundancy": 4},
        {"loss_percent": -1},
        {"loss_percent": 101},
    ],
)
def test_what_opus_or_red_cannot_do_is_refused(values: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="no"):
        Speech(**{"bitrate": 12_000, "frame_ms": 60, **values})


@pytest.mark.parametrize(
    ("speech", "bps"),
    [
        (Speech(24_000, 20), 24_000 + 50 * 58 * 8),
        (Speech(8_000, 120), round(8_000 + 58 * 8 / 0.12)),
        (Speech(12_000, 40, redundancy=2), 36_000 + 25 * (58 + 9) * 8),
        (Speech(16_000, 60, fec=True, loss_percent=10, dtx=True), round(16_000 + 58 * 8 / 0.06)),
    ],
)
def test_the_wire_carries_payload_copies_and_headers(speech: Speech, bps: int) -> None:
    assert speech.wire_bps == pytest.approx(bps, abs=250), "whole bytes may round it up"
