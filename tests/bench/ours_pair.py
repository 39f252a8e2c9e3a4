"""Two sessions of ours in one process, their signalling through a relay."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from pathlib import Path

from app.media.devices import DeviceSpec, Sinks, Sources, Taps
from app.media.events import SessionEvent, SignalPart
from app.media.rtc.errors import BadSignal
from app.media.session import VisitSession
from app.media.video.frames import luma
from app.peer_files import PeerFiles
from app.wire.visits import IceConfig
from tests.bench.relay import HOST, Relay


class OursPair:
    """`a` offers. What is said in an outage of the link waits for its end, as a service behind it would have it."""

    engine = "thinline"

    def __init__(self, relay: Relay, files: dict[str, PeerFiles], film: Path | None, speech: Path) -> None:
        self._relay = relay
        self._began = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        camera = DeviceSpec("file", str(film)) if film else DeviceSpec("none")
        sources = Sources(camera, DeviceSpec("file", str(speech)))
        self._sessions = {side: self._session(side, files[side], sources) for side in ("a", "b")}

    async def start(self) -> None:
        self._began = time.monotonic()
        self._relay.start()
        await self._sessions["b"].start()
        await self._sessions["a"].start()

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _session(self, side: str, files: PeerFiles, sources: Sources) -> VisitSession:
        taps = Taps(
            captured_picture=lambda frame: files.sent_picture(frame.wall, luma(frame.frame)),
            captured_speech=files.captured,
            decoded_picture=files.shown_picture,
            played_speech=files.played,
            statistics=lambda t, parts: files.stats({"t": t, **parts}),
        )

        def emit(event: SessionEvent) -> None:
            detail = {k: v for k, v in dataclasses.asdict(event).items() if k != "at"}
            files.stats({"t": time.time(), "event": {"k": type(event).__name__, "s": detail}})

        return VisitSession(
            offerer=side == "a",
            ice=IceConfig(),
            sources=sources,
            sinks=Sinks(speaker=DeviceSpec("none"), taps=taps),
            send=lambda part: self._send(side, part),
            emit=emit,
            bind_address=HOST,
        )

    def _send(self, side: str, part: SignalPart) -> None:
        if part.kind == "bye":
            return
        task = asyncio.get_running_loop().create_task(self._carry(side, part))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, side: str, part: SignalPart) -> None:
        options = self._relay.links["a2b"].options
        while options.cut_at(time.monotonic() - self._began):  # noqa: ASYNC110 - the outage is a time, not an event
            await asyncio.sleep(0.05)
        told = dataclasses.replace(part, sdp=self._relay.sdp(side, part.sdp)) if part.sdp else part
        try:
            await self._sessions["b" if side == "a" else "a"].receive(told)
        except BadSignal as error:
            print(f"{side}'s {part.kind} was refused: {error}")
