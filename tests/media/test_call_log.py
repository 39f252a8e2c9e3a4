"""The local call log: figures and events, nothing about people, bounded, and no reason to fail a visit."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from app.media.call_log import FILE, CallLog
from app.media.events import (
    Cause,
    ConnectionChanged,
    ConnectionState,
    DeviceChanged,
    Modality,
    ModalityChanged,
    PeerChanged,
    PeerState,
)

FIGURES = {
    "audio_in": {"packetsReceived": 5, "concealedSamples": 7, "secret": "Amina"},
    "transport": {"bytesSent": 100, "localAddress": "10.0.0.1"},
    "extra": {"x": 1},
}


def _lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / FILE).read_text().splitlines()]


def test_only_listed_figures_are_written_every_two_seconds(tmp_path: Path) -> None:
    log = CallLog(tmp_path)
    log.begin()
    for at in (100.0, 100.4, 101.9, 102.1):
        log.statistics(at, FIGURES)
    log.close()
    lines = _lines(tmp_path)
    assert [line["t"] for line in lines] == [100.0, 102.1]
    assert lines[0]["figures"]["audio_in"] == {"packetsReceived": 5, "concealedSamples": 7}  # type: ignore[index]
    assert lines[0]["figures"]["transport"] == {"bytesSent": 100}  # type: ignore[index]
    assert "Amina" not in (tmp_path / FILE).read_text()
    assert "10.0.0.1" not in (tmp_path / FILE).read_text()


def test_events_are_written_without_names_and_visits_are_told_apart(tmp_path: Path) -> None:
    log = CallLog(tmp_path)
    log.begin()
    log.event(1.0, ConnectionChanged(5.0, ConnectionState.CONNECTED))
    log.event(2.0, ModalityChanged(5.0, Modality.AUDIO, Cause.LINK_THIN, "speech"))
    log.begin()
    log.event(3.0, DeviceChanged(5.0, "microphone", "missing", "Amina's headset"))
    peer = PeerState(True, True, Modality.AUDIO, Cause.OTHER_CHOSE, True, False)
    log.event(4.0, PeerChanged(5.0, peer))
    log.close()
    lines = _lines(tmp_path)
    assert [line["event"] for line in lines] == [
        {"connection": "connected"},
        {"sending": "audio", "cause": "link-thin", "rung": "speech"},
        {"device": "microphone", "is": "missing"},
        {"peerSending": "audio", "peerCause": "other-chose", "hearsUs": True},
    ]
    assert len({line["call"] for line in lines}) == 2
    assert "headset" not in (tmp_path / FILE).read_text()


def test_a_guests_call_beside_the_visit_is_written_as_another_one(tmp_path: Path) -> None:
    log = CallLog(tmp_path)
    log.begin()
    guest = log.beside()
    for at in (100.0, 101.0):
        log.statistics(at, FIGURES)
        guest.statistics(at, FIGURES)
    log.close()
    lines = _lines(tmp_path)
    assert [line["t"] for line in lines] == [100.0, 100.0], "each has its own two seconds"
    assert len({line["call"] for line in lines}) == 2


def test_the_file_rotates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.media.call_log._MOST_BYTES", 2_000)
    log = CallLog(tmp_path)
    log.begin()
    for at in range(200):
        log.statistics(at * 3.0, FIGURES)
    log.close()
    files = list(tmp_path.iterdir())
    assert 2 <= len(files) <= 5
    assert all(file.stat().st_size <= 2_500 for file in files)


def test_a_folder_that_cannot_be_made_is_told_and_costs_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        log = CallLog(tmp_path / "file" / "below")
    assert "not logged" in caplog.text
    log.begin()
    log.statistics(1.0, FIGURES)
    log.close()
