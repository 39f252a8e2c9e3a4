"""`thinline peer`: a headless endpoint for measurement, on the same session that the windows use.

JSON lines on stdin and stdout (the contract of the lab's peers/PEERS.md); figures as files in the output folder.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import logging
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TextIO

import av

from app.media.devices import DeviceSpec, Sinks, Sources, Taps
from app.media.events import SessionEvent, SignalPart
from app.media.rtc.errors import BadSignal
from app.media.session import VisitSession
from app.media.settings import MediaSettings
from app.media.video.frames import CapturedFrame, luma
from app.media.video.speed import measured, memory_path
from app.peer_files import PeerFiles
from app.wire.visits import IceConfig

log = logging.getLogger(__name__)

_OFFER_S = 20.0
_STDIN_LIMIT = 1 << 24


class PeerProtocolError(Exception):
    """The harness said something that does not fit; the sentence goes to stderr."""


class MeasuringPeer:
    """One visit, driven by commands. `say` writes one JSON object to the harness."""

    def __init__(self, args: argparse.Namespace, say: Callable[[dict[str, Any]], None]) -> None:
        self._say = say
        self._options = _options(args.options)
        self._files = PeerFiles(Path(args.outdir))
        self._speeds = measured(memory_path())
        self._sources = Sources(
            DeviceSpec.parse(args.video or "synthetic"), DeviceSpec.parse(args.audio or "synthetic")
        )
        self._session: VisitSession | None = None
        self._first: asyncio.Queue[SignalPart] = asyncio.Queue()
        self._handed_over = False

    async def command(self, command: dict[str, Any]) -> bool:
        """One line of the harness; False when it was the last. Raises PeerProtocolError."""
        name = command.get("cmd")
        if name == "offer":
            await self._begin(offerer=True)
            self._say({"type": "offer", "sdp": _wrapped(await self._first_part("offer"))})
        elif name == "answer":
            await self._begin(offerer=False)
            await self._receive(_unwrapped(command.get("sdp"), "offer"))
            self._say({"type": "answer", "sdp": _wrapped(await self._first_part("answer"))})
            self._handed_over = True
        elif name == "set_answer":
            await self._receive(_unwrapped(command.get("sdp"), "answer", self._call))
            self._handed_over = True
            self._say({"type": "ok"})
        elif name == "signal":
            await self._on_signal(command.get("data"))
        elif name == "stop":
            await self.stop()
            self._say({"type": "done"})
            return False
        else:
            raise PeerProtocolError(f"no such command: {name!r}")
        return True

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
        self._files.close()

    _call = ""

    async def _begin(self, *, offerer: bool) -> None:
        if self._session is not None:
            raise PeerProtocolError("the call has begun already")
        files = self._files

        def captured(frame: CapturedFrame) -> None:
            files.sent_picture(frame.wall, luma(frame.frame))

        taps = Taps(
            captured_picture=captured,
            captured_speech=files.captured,
            decoded_picture=files.shown_picture,
            played_speech=files.played,
            statistics=lambda t, parts: files.stats({"t": t, **parts}),
        )
        self._session = VisitSession(
            offerer=offerer,
            ice=IceConfig.model_validate(self._options.get("ice", {})),
            sources=self._sources,
            sinks=Sinks(speaker=DeviceSpec("none"), taps=taps),
            send=self._send,
            emit=self._emit,
            bind_address=self._options.get("bind"),
            settings=MediaSettings(speeds=self._speeds),
        )
        await self._session.start()

    async def _first_part(self, kind: str) -> SignalPart:
        while True:
            part = await asyncio.wait_for(self._first.get(), _OFFER_S)
            if part.kind == kind:
                self._call = part.call
                return part

    async def _receive(self, part: SignalPart) -> None:
        if self._session is None:
            raise PeerProtocolError("there is no call yet")
        try:
            await self._session.receive(part)
        except BadSignal as exc:
            raise PeerProtocolError(f"the other side's signalling cannot be used: {exc}") from exc

    async def _on_signal(self, data: Any) -> None:
        if not isinstance(data, dict) or not all(isinstance(data.get(k), str) for k in ("kind", "call", "sdp")):
            raise PeerProtocolError("a signal without kind, call and sdp")
        if data["kind"] not in ("offer", "answer", "again", "bye"):
            raise PeerProtocolError(f"no such signal: {data['kind']!r}")
        await self._receive(SignalPart(data["kind"], data["call"], data["sdp"]))

    def _send(self, part: SignalPart) -> None:
        """The first offer and answer have commands of their own; the harness carries the rest as signals."""
        if not self._handed_over and part.kind in ("offer", "answer"):
            self._first.put_nowait(part)
        elif part.kind != "bye":
            self._say({"type": "signal", "data": dataclasses.asdict(part)})

    def _emit(self, event: SessionEvent) -> None:
        detail = {k: v for k, v in dataclasses.asdict(event).items() if k != "at"}
        self._files.stats({"t": time.time(), "event": {"k": type(event).__name__, "s": detail}})


def _wrapped(part: SignalPart) -> str:
    """The SDP with our call id as a session attribute (RFC 8866): the harness carries SDP alone."""
    head, mark, rest = part.sdp.partition("m=")
    return f"{head}a=x-thinline-call:{part.call}\r\n{mark}{rest}"


def _unwrapped(sdp: Any, kind: Any, call: str = "") -> SignalPart:
    if not isinstance(sdp, str):
        raise PeerProtocolError("a description without SDP")
    found = call
    kept = []
    for line in sdp.splitlines():
        if line.startswith("a=x-thinline-call:"):
            found = line.partition(":")[2].strip() or found
        else:
            kept.append(line)
    return SignalPart(kind, found or "0" * 16, "\r\n".join(kept) + "\r\n")


def _options(text: str | None) -> dict[str, Any]:
    try:
        options = json.loads(text or "{}")
    except json.JSONDecodeError as exc:
        raise PeerProtocolError("--options is not JSON") from exc
    if not isinstance(options, dict):
        raise PeerProtocolError("--options is not a JSON object")
    return options


def _engine() -> str:
    try:
        own = version("thinline")
    except PackageNotFoundError:
        own = "0"
    return f"thinline {own} av {av.__version__}"


async def _serve(args: argparse.Namespace, out: TextIO) -> int:
    def say(message: dict[str, Any]) -> None:
        out.write(json.dumps(message) + "\n")
        out.flush()

    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_STDIN_LIMIT)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    peer = MeasuringPeer(args, say)
    say({"type": "ready", "engine": _engine()})
    try:
        while line := await reader.readline():
            try:
                command = json.loads(line)
                if not isinstance(command, dict):
                    raise PeerProtocolError("a line that is no JSON object")
                if not await peer.command(command):
                    return 0
            except (PeerProtocolError, json.JSONDecodeError, TimeoutError) as exc:
                log.error("%s", exc)
    finally:
        await peer.stop()
    return 0


def main(argv: list[str]) -> int:
    """Runs until `stop` or the end of stdin. 0: done; 2: the command line cannot be used."""
    parser = argparse.ArgumentParser(prog="thinline peer", description=__doc__)
    parser.add_argument("--video", help="a film to send in a loop; a moving test picture without it")
    parser.add_argument("--audio", help="a recording to send in a loop; silence without it")
    parser.add_argument("--outdir", required=True, help="where the files go")
    parser.add_argument("--options", help='JSON: {"ice": IceConfig, "bind": address}')
    args = parser.parse_args(argv)
    # stdout is the harness's alone: whatever a library prints goes to stderr.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    try:
        return asyncio.run(_serve(args, out))
    except PeerProtocolError as exc:
        print(exc, file=sys.stderr)
        return 2
    finally:
        out.close()
