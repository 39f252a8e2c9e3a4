"""One side of a call for bench part "closer": the real session and the presenters' own side of looking closer.

    closer_side.py ROLE ADDRESS CAMERA MICROPHONE     ROLE: "lee" asks (and offers the call), "ann" agrees at once

JSON lines. It is told {"signal": ...}, {"ask": true}, {"withdraw": true}, {"stop": true}; it says {"signal": ...} and
{"told": ..., "at": monotonic s, which all processes of a machine share}: "agreed", "ready", "shown" with "width".
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from app.media.closer.life import Life
from app.media.devices import DeviceSpec, Sinks, Sources
from app.media.events import DataReady, DataReceived, SessionEvent, SignalPart
from app.media.session import VisitSession
from app.media.settings import MediaSettings
from app.media.video.speed import measured, memory_path
from app.presenters.closer import CloserAround
from app.presenters.closer_patient import PatientCloser
from app.presenters.closer_provider import ProviderCloser
from app.wire.visits import IceConfig


def say(**words: Any) -> None:
    print(json.dumps(words), flush=True)


def tell(what: str, **more: Any) -> None:
    say(told=what, at=time.monotonic(), **more)


async def _file(data: bytes, name: str, media_type: str, purpose: str) -> None:
    """Sealing is measured elsewhere."""


class CallSide:
    """A session, and one person's closer on it. `ann` agrees as soon as she is asked."""

    def __init__(self, role: str, address: str, camera: str, microphone: str) -> None:
        self._session = VisitSession(
            offerer=role == "lee",
            ice=IceConfig(),
            sources=Sources(DeviceSpec("file", camera), DeviceSpec("file", microphone)),
            sinks=Sinks(speaker=DeviceSpec("none")),
            send=lambda part: say(signal=dataclasses.asdict(part)),
            emit=self._on_event,
            settings=MediaSettings(speeds=measured(memory_path())),
            bind_address=address,
        )
        around = CloserAround(
            lambda: self._session, self._changed, lambda text: None, time.monotonic, "Me", "You", _file
        )
        self._closer = ProviderCloser(around) if role == "lee" else PatientCloser(around)
        self._shown = b""

    async def run(self) -> None:
        lines = asyncio.StreamReader(limit=1 << 20)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        await self._session.start()
        while line := await lines.readline():
            message = json.loads(line)
            if "signal" in message:
                await self._session.receive(SignalPart(**message["signal"]))
            elif "stop" in message:
                break
            elif isinstance(self._closer, ProviderCloser):
                await self._command(self._closer, message)
        stats = await self._session.stats()
        self._closer.end()
        await self._closer.finish()
        await self._session.close()
        say(stats=stats)

    async def _command(self, closer: ProviderCloser, message: dict[str, Any]) -> None:
        if "ask" in message:
            self._shown = b""
            closer.ask("photo")
        elif "withdraw" in message:
            closer.withdraw()
            closer.dismiss()

    def _on_event(self, event: SessionEvent) -> None:
        match event:
            case DataReady(ready=ready):
                self._closer.on_ready(ready)
                if ready:
                    tell("ready")
            case DataReceived(label="closer", data=data):
                self._closer.on_data(data)

    def _changed(self) -> None:
        view = self._closer.view()
        if view is None:
            return
        if isinstance(self._closer, PatientCloser) and view.life is Life.ASKED:
            tell("agreed")
            asyncio.get_running_loop().call_soon(self._closer.answer, True)
        elif view.picture and view.picture != self._shown:
            self._shown = view.picture
            tell("shown", width=_width(view.picture), done=view.life is Life.DONE)


def _width(jpeg: bytes) -> int:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_8)
    assert picture is not None
    return int(picture.shape[1] * 8)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(relativeCreated)d %(name)s: %(message)s")
    for noisy in ("aioice", "aiortc"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    asyncio.run(CallSide(*sys.argv[1:]).run())
