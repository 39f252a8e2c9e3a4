"""Opus by libopus' own API: what an open encoder follows, and what a decoder makes of what came and what did not."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.media.audio import libopus
from app.media.audio.libopus import OpusError, OpusMissing
from app.media.audio.opus import OpusDecoder, OpusEncoder, has_fec, packet_samples
from app.media.rate.speech import Speech
from tests.media.speech_network import MS, RATE, encoded, spoken


@pytest.mark.parametrize("bitrate", [6_000, 8_000, 12_000, 16_000, 24_000, 32_000])
@pytest.mark.parametrize("frame_ms", [20, 40, 60, 120])
def test_every_format_keeps_its_rate_and_frame_length(bitrate: int, frame_ms: int) -> None:
    packets = encoded(Speech(bitrate, frame_ms), spoken(), 4.0)
    assert all(packet_samples(packet) == frame_ms * MS for packet in packets)
    assert sum(map(len, packets)) * 8 / 4.0 <= bitrate * 1.08


@pytest.mark.parametrize("bitrate", [6_000, 7_000, 9_000])
def test_long_packets_are_filled(bitrate: int) -> None:
    """libopus leaves a tenth of a packet of 120 ms empty; where they are needed there is nothing to give away."""
    packets = encoded(Speech(bitrate, 120), spoken(), 4.0)
    assert 0.92 * bitrate <= sum(map(len, packets)) * 8 / 4.0 <= 1.03 * bitrate
    assert max(map(len, packets)) <= 1.06 * bitrate * 0.12 / 8


def test_an_open_encoder_follows_every_change_without_a_gap() -> None:
    formats = [Speech(24_000, 20), Speech(8_000, 120), Speech(12_000, 60, 0, True, 20), Speech(32_000, 40)]
    encoder, decoder = OpusEncoder(formats[0]), OpusDecoder()
    played, rates, at = [], [], 0
    for speech in formats:
        encoder.use(speech)
        size, sent = speech.frame_ms * MS, 0
        for _ in range(1200 // speech.frame_ms):
            packet = encoder.encode(spoken()[at : at + size])
            played.append(decoder.decode(packet))
            sent, at = sent + len(packet), at + size
        rates.append(sent * 8 / 1.2)
    assert [abs(rate / speech.bitrate - 1) < 0.25 for rate, speech in zip(rates, formats, strict=True)] == [True] * 4
    heard, said = np.concatenate(played).astype(float), spoken()[:at].astype(float)
    delay = 312  # libopus looks ahead 6.5 ms
    assert len(heard) == len(said)
    assert np.corrcoef(heard[delay:], said[:-delay])[0, 1] > 0.7


def test_a_frame_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="samples"):
        OpusEncoder(Speech(12_000, 60)).encode(np.zeros(960, np.int16))


def test_silence_needs_next_to_nothing_with_dtx() -> None:
    room = np.zeros(3 * RATE, np.int16)
    quiet = encoded(Speech(12_000, 20, dtx=True), room, 3.0)
    assert sum(len(packet) <= 2 for packet in quiet) > 0.7 * len(quiet)
    assert all(len(packet) > 2 for packet in encoded(Speech(12_000, 20), spoken(), 1.0))


@pytest.mark.parametrize(
    ("first", "samples"),
    [(0x18, 2880), (0x78, 960), (0x50, 1920), (0x79, 1920), (0xE0, 120), (0x6C, 960)],
)
def test_the_length_of_an_opus_packet(first: int, samples: int) -> None:
    assert packet_samples(bytes([first, 0])) == samples


def test_in_band_fec_is_seen_where_it_is_and_brings_the_lost_frame_back() -> None:
    speech = Speech(24_000, 20, fec=True, loss_percent=20)
    packets = encoded(speech, spoken(), 4.0)
    assert sum(map(has_fec, packets)) > 100
    assert not any(map(has_fec, encoded(Speech(24_000, 20), spoken(), 1.0)))
    whole = OpusDecoder()
    truth = [whole.decode(packet).astype(float) for packet in packets]
    errors = {"recovered": 0.0, "concealed": 0.0}
    for kind in errors:
        decoder = OpusDecoder()
        for number, packet in enumerate(packets[:-1]):
            if number % 7 == 6 and has_fec(packets[number + 1]):
                lost = decoder.recover(packets[number + 1], 960) if kind == "recovered" else decoder.conceal(960)
                errors[kind] += float(np.square(lost - truth[number]).sum())
            else:
                decoder.decode(packet)
    assert errors["recovered"] < 0.5 * errors["concealed"]


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_any_bytes_decode_or_are_refused(data: bytes) -> None:
    decoder = OpusDecoder()
    assert 0 <= packet_samples(data) <= 5760
    assert isinstance(has_fec(data), bool)
    with contextlib.suppress(OpusError):
        assert len(decoder.decode(data)) == packet_samples(data)
    assert len(decoder.conceal(480)) == 480


def test_a_decoder_goes_on_after_an_error() -> None:
    decoder = OpusDecoder()
    with pytest.raises(OpusError):
        decoder.decode(b"")
    with pytest.raises(OpusError):
        decoder.decode(b"\xff")
    assert len(decoder.decode(encoded(Speech(12_000, 60), spoken(), 0.1)[0])) == 2880


def test_the_library_is_the_one_that_came_with_av_and_its_absence_is_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert libopus.version().startswith("libopus")
    monkeypatch.setattr(libopus, "_candidates", lambda: iter(["/nowhere/libopus.so"]))
    libopus.library.cache_clear()
    try:
        with pytest.raises(OpusMissing, match="Opus"):
            OpusEncoder(Speech(12_000, 60))
    finally:
        libopus.library.cache_clear()
