"""How the demo steers a path's process: one JSON object a line on its stdin, one answer a line on its stdout.

The process's side is :func:`answer` and :class:`Lines`; the demo's side is :class:`Worker`.
A request is {"do": name, ...}; its answer is {"ok": true, ...} or {"ok": false, "error": sentence}.
The process ends when its stdin ends, so it cannot outlive a demo that was killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import app
from app.demo.path.errors import PathFailed
from app.demo.path.kinds import KindTally
from app.demo.path.shaper import LinkSettings, Shaper

Request = dict[str, Any]
Handler = Callable[[Request], Request]

SIDES = ("home", "town")
_SETTINGS = frozenset({"rate_kbps", "delay_ms", "queue_ms", "cut"})
_START_SECONDS = 20.0
_ANSWER_SECONDS = 10.0


class Lines:
    """Cuts what comes from a pipe into whole lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        *whole, self._rest = (self._rest + data).split(b"\n")
        return [line for line in whole if line.strip()]


def answer(handlers: Mapping[str, Handler], line: bytes) -> bytes:
    """Carries out one request line; the answer ends in a newline."""
    try:
        request = json.loads(line)
        done = handlers[request["do"]](request)
        reply = {"ok": True, **done}
    except (ValueError, KeyError, TypeError) as error:
        reply = {"ok": False, "error": f"{type(error).__name__}: {error}"}
    return json.dumps(reply).encode() + b"\n"


def new_settings(request: Request, toward: str, present: LinkSettings) -> LinkSettings:
    """The settings that a "set" request gives to the direction `toward`. Raises ValueError for what it cannot mean."""
    if request.get("toward") not in (None, *SIDES):
        raise ValueError(f"no such side: {request['toward']}")
    unknown = set(request) - _SETTINGS - {"do", "toward"}
    if unknown:
        raise ValueError(f"no such setting: {', '.join(sorted(unknown))}")
    if request.get("toward") not in (None, toward):
        return present
    return present.changed(**{name: request[name] for name in _SETTINGS & set(request)})


def describe(shaper: Shaper[Any], kinds: KindTally) -> Request:
    """The counters of one direction as JSON; the shape is :class:`app.demo.path.Direction`'s."""
    return {
        **asdict(shaper.tally),
        "held": shaper.held,
        "settings": asdict(shaper.settings),
        "packets_by_kind": dict(kinds.packets),
        "bytes_by_kind": dict(kinds.octets),
    }


class Worker:
    """A path's process, seen from the demo. Methods block for some milliseconds and may be used from any thread."""

    def __init__(self, module: str, arguments: Mapping[str, Any]) -> None:
        """Starts `python -m module` and waits until it is ready. Raises PathFailed."""
        self._lock = threading.Lock()
        self._answers: queue.Queue[Request | None] = queue.Queue()
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed by close()
        root = str(Path(app.__file__).resolve().parent.parent)
        paths = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, json.dumps(dict(arguments))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, "PYTHONPATH": paths},
            # Ctrl-C in the terminal is for the demo, which then closes the path in good order.
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name=f"{module}-answers", daemon=True)
        self._reader.start()
        try:
            self.ready = self._wait(_START_SECONDS)
        except PathFailed:
            self.close()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, do: str, **fields: Any) -> Request:
        """Sends a request and gives its answer. Raises ValueError if it was refused, PathFailed if none came."""
        with self._lock:
            stdin = self._process.stdin
            assert stdin is not None
            try:
                stdin.write(json.dumps({"do": do, **fields}).encode() + b"\n")
                stdin.flush()
            except (OSError, ValueError) as error:
                raise PathFailed(f"The thin path's process has ended by itself. {self._last_words()}") from error
            reply = self._wait(_ANSWER_SECONDS)
        if not reply["ok"]:
            raise ValueError(reply["error"])
        return reply

    def close(self, seconds: float = 8.0) -> None:
        """Ends the process by ending its stdin; kills it after `seconds`. May be called again."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # what was still unsent cannot arrive any more
            self._process.stdin.close()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._errors.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(json.loads(line))
        self._answers.put(None)

    def _wait(self, seconds: float) -> Request:
        try:
            reply = self._answers.get(timeout=seconds)
        except queue.Empty as error:
            raise PathFailed(f"The thin path's process did not answer within {seconds:.0f} s.") from error
        if reply is None:
            raise PathFailed(f"The thin path's process has ended by itself. {self._last_words()}")
        return reply

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return f"It said: {lines[-1]}" if lines else ""
