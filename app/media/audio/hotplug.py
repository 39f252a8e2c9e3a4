"""Tells when devices come and go: by the sound server's own word where there is one, else by looking now and then."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import platform
import re
import selectors
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from app.media.audio import portaudio
from app.media.audio.pulse import environment

log = logging.getLogger(__name__)

_TELLING = re.compile(r"'(new|remove)' on (sink|source|card) #|'change' on (server|card)\b")
_QUIET_S = 0.15  # one plugging in makes a handful of messages
_SETTLE_S = 0.4
_NEVER = float("inf")
_LINE_MAX = 4096


class Watcher:
    """`changed()` is called on the watcher's thread after each change of what is plugged in; it may take its time.

    Where no sound server tells of changes, the machine is asked every `poll_s`, and PortAudio's list is marked stale.
    """

    def __init__(self, changed: Callable[[], None], poll_s: float = 2.0) -> None:
        self._changed, self._poll_s = changed, poll_s
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None
        self.watching = threading.Event()
        """Set once no change can be missed any more."""
        self._thread = threading.Thread(target=self._run, name="hotplug", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        self._stop.set()
        with self._lock:
            if self._server is not None:
                self._server.kill()
        self._thread.join(timeout)

    def _run(self) -> None:
        known = fingerprint()
        while not self._stop.is_set():
            served = self._by_server()
            now = fingerprint()
            if served or now != known:
                # Without a server, or after it went: PortAudio itself must look again.
                known = now
                portaudio.mark_stale()
                self._call()
            self.watching.set()
            self._stop.wait(self._poll_s)

    def _by_server(self) -> bool:
        """Follows `pactl subscribe` until it ends; False when there was nothing to follow."""
        with self._lock:
            if self._stop.is_set() or shutil.which("pactl") is None:
                return False
            self._server = subprocess.Popen(
                ["pactl", "subscribe"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment(),
                bufsize=0,
            )
        try:
            return self._follow(self._server)
        finally:
            with self._lock:
                server, self._server = self._server, None
            with contextlib.suppress(OSError):
                server.kill()
            server.wait()
            if server.stdout is not None:
                server.stdout.close()

    def _follow(self, server: subprocess.Popen[bytes]) -> bool:
        assert server.stdout is not None
        # Subscribing says nothing when it is in force: what changed until then is found by one look of our own.
        served, due = False, time.monotonic() + _SETTLE_S
        rest = b""
        with selectors.DefaultSelector() as waiting:
            waiting.register(server.stdout, selectors.EVENT_READ)
            while not self._stop.is_set():
                if waiting.select(None if due == _NEVER else max(0.0, due - time.monotonic())):
                    data = server.stdout.read(_LINE_MAX)
                    if not data:
                        return served
                    *lines, rest = (rest + data).split(b"\n")
                    rest = rest[-_LINE_MAX:]
                    if any(_TELLING.search(line.decode(errors="replace")) for line in lines):
                        due = min(due, time.monotonic() + _QUIET_S)
                if time.monotonic() >= due:
                    due, served = _NEVER, True
                    self._call()
                    self.watching.set()
        return False

    def _call(self) -> None:
        if not self._stop.is_set():
            try:
                self._changed()
            except Exception:  # a mistake in telling must not end the watch
                log.exception("a change of devices could not be told")


def fingerprint() -> str:
    """Something that differs when cameras or sound cards have come or gone; cheap, and needs no device."""
    by_system = {"Linux": _linux, "Windows": _windows}
    return by_system.get(platform.system(), str)()


def _linux() -> str:
    folders = [Path("/dev/snd"), Path("/dev/v4l/by-id")]
    found = [path.name for folder in folders if folder.is_dir() for path in folder.iterdir()]
    with contextlib.suppress(OSError):
        found.append(Path("/proc/asound/cards").read_text())
    found += [p.name for p in Path("/dev").glob("video*")]
    return "\n".join(sorted(found))


def _windows() -> str:
    winmm = ctypes.CDLL("winmm")
    return f"{winmm.waveInGetNumDevs()} {winmm.waveOutGetNumDevs()}"
