"""The link report: what goes in comes out, and nothing else is taken."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.media.events import Cause, Modality, PeerState
from app.media.rtc.errors import BadReport
from app.media.rtc.report import SIZE, LinkReport, pack_report, parse_report

_u32 = st.integers(0, 0xFFFFFFFF)
_states = st.builds(
    PeerState,
    st.booleans(),
    st.booleans(),
    st.sampled_from(Modality),
    st.sampled_from(Cause),
    st.booleans(),
    st.booleans(),
)
_reports = st.builds(
    LinkReport,
    _states,
    _u32,
    _u32,
    _u32,
    _u32,
    st.none() | st.integers(0, 0xFFFE),
    _u32,
    st.none() | st.integers(0, 0xFFFE),
    st.none() | st.integers(1, 0xFFFF),
)


@given(_reports)
def test_round_trip(report: LinkReport) -> None:
    data = pack_report(report)
    assert len(data) == SIZE == 32
    assert parse_report(data) == report


@given(st.binary(max_size=100))
def test_hostile_bytes_raise_bad_report_or_parse_to_what_they_say(data: bytes) -> None:
    try:
        report = parse_report(data)
    except BadReport:
        return
    assert pack_report(report) == data


@given(_reports, st.integers(0, SIZE - 1), st.integers(1, 255))
def test_one_changed_byte_is_another_report_or_none(report: LinkReport, place: int, change: int) -> None:
    data = bytearray(pack_report(report))
    data[place] ^= change
    with contextlib.suppress(BadReport):
        assert parse_report(bytes(data)) != report


@pytest.mark.parametrize("size", [0, 1, SIZE - 1, SIZE + 1, 1200])
def test_a_wrong_size_is_refused(size: int) -> None:
    with pytest.raises(BadReport, match="bytes"):
        parse_report(bytes([1]) * size)
