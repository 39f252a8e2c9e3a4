"""Two real sessions over loopback: connect, speak, see, mute, cut, return, end."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import numpy as np
import pytest
from session_pair import NONE, SYNTHETIC, pair, write_tone

from app.media.call_log import FIGURES
from app.media.devices import DeviceSpec
from app.media.events import Cause, ConnectionState, DeviceChanged, Modality, SignalPart
from app.media.rtc.errors import BadSignal
from app.media.session import VisitSession
from app.media.statistics import collect


def _unknown_figures(session: VisitSession) -> set[str]:
    """What the call log would write and the session's statistics do not give (a report of the far side comes late)."""
    given = collect(session.transports.current, session.playout, session._pictures, session.outgoing, 0.0)
    return {f"{part}.{name}" for part, names in FIGURES.items() for name in names if name not in given[part]}


def test_sound_and_pictures_flow_both_ways_and_both_know_it(tmp_path: Path) -> None:
    async def run() -> None:
        tone = DeviceSpec("file", str(write_tone(tmp_path / "tone.wav")))
        async with pair(microphone=tone) as both:
            await both.until(lambda: min(both.a.pictures, both.b.pictures) >= 10)
            await both.until(lambda: min(both.a.loud, both.b.loud) >= 50)
            await both.until(lambda: all(s.peer and s.peer.hears_us and s.peer.sees_us for s in (both.a, both.b)))
            assert (both.a.sending[0].sending, both.a.sending[0].cause) == (Modality.AUDIO, Cause.START)
            assert both.a.sending[-1].sending is Modality.VIDEO
            picture = both.b.session.sinks.remote.latest()
            assert picture is not None
            assert picture.rgb.shape[2] == 3
            assert picture.rgb.std() > 10
            assert both.a.session.sinks.mine.latest() is not None
            stats = await both.b.session.stats()
            assert set(stats) == {"audio_in", "video_in", "audio_out", "video_out", "transport"}
            assert stats["video_in"]["framesDecoded"] >= 5
            assert stats["audio_in"]["totalSamplesReceived"] > 0
            assert stats["audio_in"]["packetsLost"] == 0
            assert stats["transport"]["localCandidateType"] == "host"
            await both.until(lambda: not _unknown_figures(both.b.session))
            still = both.a.session.still()
            assert still is not None
            assert still.shape == (240, 320, 3)

    asyncio.run(run())


def test_mute_sends_silence_and_says_so(tmp_path: Path) -> None:
    async def run() -> None:
        tone = DeviceSpec("file", str(write_tone(tmp_path / "tone.wav")))
        async with pair(microphone=tone) as both:
            await both.until(lambda: both.b.loud >= 20)
            both.a.session.set_microphone(False)
            await both.until(lambda: both.b.peer is not None and not both.b.peer.microphone_on)
            start = both.b.played
            await both.until(lambda: both.b.played > start + 48_000)
            loud = both.b.loud
            await both.until(lambda: both.b.played > start + 72_000)
            assert both.b.loud == loud
            both.a.session.set_microphone(True)
            await both.until(lambda: both.b.loud > loud + 10 and both.b.peer.microphone_on)

    asyncio.run(run())


def test_camera_off_stops_pictures_and_on_brings_them_back() -> None:
    async def run() -> None:
        async with pair() as both:
            await both.until(lambda: both.b.pictures >= 3)
            both.a.session.set_camera(False)
            await both.until(lambda: both.b.peer is not None and not both.b.peer.camera_on)
            assert both.a.sending[-1].sending is Modality.AUDIO
            assert both.a.sending[-1].cause is Cause.CHOSEN
            await both.until(lambda: not both.a.peer.sees_us)
            assert both.b.session.sinks.remote.latest() is not None, "the last picture stays"
            seen, told = both.b.pictures, len(both.a.sending)
            both.a.session.set_camera(True)
            await both.until(lambda: both.b.pictures > seen + 3)
            back = both.a.sending[told:]
            assert (back[0].sending, back[0].cause) == (Modality.VIDEO, Cause.CHOSEN), "and larger ones may follow"

    asyncio.run(run())


def test_a_key_frame_follows_a_picture_loss_indication() -> None:
    async def run() -> None:
        async with pair() as both:
            # Who asked at once would be taken for one whom the first key picture has not reached.
            await both.until(lambda: both.b.pictures >= 20)
            sender = both.a.session.transports.current
            receiver = both.b.session.transports.current
            assert sender is not None
            assert receiver is not None
            assert sender.outbound is not None
            assert receiver.control is not None
            pictures = sender.outbound.pictures
            before = pictures.key_frames
            receiver.control.ask_key()
            seen = both.b.pictures
            await both.until(lambda: pictures.key_frames > before and both.b.pictures > seen + 2)

    asyncio.run(run())


@pytest.mark.parametrize("what", ["missing.mp4", "broken.mp4"])
def test_a_film_that_cannot_be_read_leaves_a_visit_of_speech(tmp_path: Path, what: str) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"this is no film" * 100)

    async def run() -> None:
        camera = DeviceSpec("file", str(tmp_path / what))
        async with pair(camera=camera) as both:
            await both.until(lambda: bool(both.a.of(DeviceChanged)) and both.b.played > 20_000)
            changed = next(e for e in both.a.of(DeviceChanged) if e.kind == "camera")
            assert changed.state == ("missing" if what == "missing.mp4" else "failed")
            assert changed.name == what
            assert both.a.sending[-1].sending is Modality.AUDIO
            assert both.a.sending[-1].cause is Cause.NO_CAMERA
            await both.a.session.use_camera(SYNTHETIC)
            await both.until(lambda: both.b.pictures >= 3)

    asyncio.run(run())


def test_missing_devices_do_not_end_a_visit() -> None:
    """A camera, a microphone and a loudspeaker with numbers that no machine has."""

    async def run() -> None:
        nowhere = DeviceSpec("device", "77")
        async with pair(camera=nowhere, microphone=nowhere) as both:
            await both.until(lambda: len(both.a.of(DeviceChanged)) >= 2)
            assert {(e.kind, e.state) for e in both.a.of(DeviceChanged)} == {
                ("camera", "missing"),
                ("microphone", "missing"),
            }
            await both.a.session.use_speaker(nowhere)
            await both.until(lambda: any(e.kind == "speaker" for e in both.a.of(DeviceChanged)))
            played = both.a.played
            await both.until(lambda: both.a.played > played + 20_000)
            assert both.a.states[-1] is ConnectionState.CONNECTED

    asyncio.run(run())


@pytest.mark.parametrize(
    "sdp",
    [
        "",
        "nonsense",
        "v=0\r\n",
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n",
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video x\r\na=mid:0\r\n",
    ],
)
def test_malformed_sdp_is_a_typed_error_and_the_visit_still_connects(sdp: str) -> None:
    async def run() -> None:
        async with pair(connected=False) as both:
            with pytest.raises(BadSignal):
                await both.b.session.receive(SignalPart("offer", "0123456789abcdef", sdp))
            await both.a.session.transports.renew()
            await both.until(lambda: ConnectionState.CONNECTED in both.b.states)

    asyncio.run(run())


def test_signals_that_do_not_fit_are_refused() -> None:
    async def run() -> None:
        async with pair() as both:
            for side, kind in ((both.a, "offer"), (both.b, "answer"), (both.b, "again")):
                with pytest.raises(BadSignal):
                    await side.session.receive(SignalPart(kind, "0123456789abcdef", "v=0"))  # type: ignore[arg-type]
            await both.a.session.receive(SignalPart("answer", "ffffffffffffffff", "v=0"))
            seen = both.b.pictures
            await both.until(lambda: both.b.pictures > seen + 2)

    asyncio.run(run())


def test_a_bye_ends_the_other_side_too() -> None:
    async def run() -> None:
        async with pair() as both:
            await both.a.session.close()
            await both.until(lambda: both.b.states[-1] is ConnectionState.CLOSED)
            await both.a.session.close()

    asyncio.run(run())


def test_nothing_is_left_behind() -> None:
    before = set(threading.enumerate())

    async def run() -> set[asyncio.Task[object]]:
        async with pair() as both:
            await both.until(lambda: both.b.pictures >= 2)
        return {t for t in asyncio.all_tasks() if t is not asyncio.current_task()}

    assert asyncio.run(run()) == set()
    left = [
        t for t in set(threading.enumerate()) - before if t.is_alive() and t.name.startswith(("cam", "mic", "spe"))
    ]
    assert left == []


def test_the_session_starts_once_and_works_without_a_camera() -> None:
    async def run() -> None:
        async with pair(camera=NONE) as both:
            assert both.a.sending[0].cause is Cause.NO_CAMERA
            with pytest.raises(RuntimeError, match="started"):
                await both.a.session.start()
            assert both.a.session.still() is None
            stats = await both.a.session.stats()
            assert stats["video_out"]["framesEncoded"] == 0

    asyncio.run(run())


def test_speech_arrives_as_it_was_said(tmp_path: Path) -> None:
    """The tone's pitch and level survive coding, the network and the playout."""

    async def run() -> np.ndarray:
        tone = DeviceSpec("file", str(write_tone(tmp_path / "tone.wav", 5.0)))
        heard: list[np.ndarray] = []
        async with pair(microphone=tone) as both:
            await both.until(lambda: both.b.loud >= 20)
            pull = both.b.session.playout.pull

            def listen(count: int, now: float) -> np.ndarray:
                samples = pull(count, now)
                heard.append(samples)
                return samples

            both.b.session.playout.pull = listen  # type: ignore[method-assign]
            await both.until(lambda: len(heard) >= 100)
        return np.concatenate(heard)

    sound = asyncio.run(run()).astype(float)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    peak = np.fft.rfftfreq(len(sound), 1 / 48000)[spectrum.argmax()]
    assert 290 < peak < 310
    assert 4000 < np.sqrt((sound**2).mean()) < 8000
