"""The demo's side of a driven window: starts the process, presses and reads through it, keeps what it tells."""

from __future__ import annotations

import itertools
import json
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.demo.path import Path as ThinPath
from app.demo.path import Side

_PATIENCE = 3.0
"""A busy or old machine is no failure of what is shown; how long things take is told in the report."""


class HandError(Exception):
    """A window did not do what was asked of it; `str()` says what and why."""


class Hand:
    """One driven window. Requests block until the window has answered."""

    def __init__(self, path: ThinPath, side: Side, argv: Sequence[str], env: dict[str, str], log: Path) -> None:
        self.name = side
        self._log = log.open("wb")
        self._process = path.popen(
            side, argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True, bufsize=1
        )
        self._numbers = itertools.count(1)
        self._arrived = threading.Condition()
        self._answers: dict[int, dict[str, Any]] = {}
        self._ended = False
        self.events: list[dict[str, Any]] = []
        self.stats: dict[str, Any] = {}
        self.rungs: list[dict[str, Any]] = []
        threading.Thread(target=self._read, name=f"demo-{side}", daemon=True).start()

    def ask(self, do: str, *, within: float = 15.0, **fields: Any) -> dict[str, Any]:
        """One request of app.ui.driver; raises :class:`HandError` when it is refused or not answered."""
        number = next(self._numbers)
        stdin = self._process.stdin
        assert stdin is not None
        try:
            stdin.write(json.dumps({"id": number, "do": do, **fields}) + "\n")
            stdin.flush()
        except OSError as exc:
            raise HandError(f"the window of {self.name} is gone") from exc
        with self._arrived:
            if not self._arrived.wait_for(lambda: number in self._answers or self._ended, within):
                raise HandError(f"{self.name}: no answer to {do} {fields.get('name', '')}")
            if number not in self._answers:
                raise HandError(f"the window of {self.name} is gone; see its log")
            answer = self._answers.pop(number)
        if not answer.get("ok"):
            raise HandError(
                f"{self.name}: {do} {fields.get('name', '')}: {answer.get('error')}; {answer.get('text', '')}"
            )
        return answer

    def click(self, name: str, seconds: float = 10.0) -> None:
        """Waits until a person could press it, then presses it."""
        self.wait(name, seconds=seconds, enabled=True)
        self.ask("click", name=name)

    def type(self, name: str, text: str) -> None:
        self.ask("type", name=name, text=text)

    def text(self, name: str) -> str:
        return str(self.ask("text", name=name)["text"])

    def wait(self, name: str, *, seconds: float, **condition: Any) -> dict[str, Any]:
        """`seconds`: what it should take at most on a machine with nothing else to do."""
        patient = _PATIENCE * seconds
        return self.ask("wait", name=name, seconds=patient, within=patient + 10, **condition)

    def picture_number(self, name: str) -> int:
        return int(self.ask("picture", name=name)["number"])

    def shot(self, path: Path) -> None:
        self.ask("shot", path=str(path))

    def event(self, kind: str) -> dict[str, Any] | None:
        """The newest event of a kind."""
        with self._arrived:
            return next((e for e in reversed(self.events) if e["event"] == kind), None)

    def stat(self, part: str, name: str) -> float:
        """A figure of the newest statistics; 0 while there are none."""
        with self._arrived:
            return float(self.stats.get(part, {}).get(name, 0) or 0)

    def wait_stat(self, part: str, name: str, more_than: float, seconds: float) -> float:
        """Waits until a figure exceeds a bound; raises :class:`HandError`."""

        def there() -> bool:
            return float(self.stats.get(part, {}).get(name, 0) or 0) > more_than

        with self._arrived:
            if not self._arrived.wait_for(there, _PATIENCE * seconds):
                raise HandError(f"{self.name}: {part}.{name} did not pass {more_than:.0f} within {seconds:.0f} s")
        return self.stat(part, name)

    def wait_event(self, kind: str, seconds: float, after: dict[str, Any] | None = None) -> dict[str, Any]:
        """The newest event of a kind, waited for; one that came after that one."""

        def newest() -> dict[str, Any] | None:
            found = next((e for e in reversed(self.events) if e["event"] == kind), None)
            return None if found is after else found

        with self._arrived:
            if not self._arrived.wait_for(lambda: newest() is not None, _PATIENCE * seconds):
                raise HandError(f"{self.name}: no {kind} within {seconds:.0f} s")
            event = newest()
            assert event is not None
            return event

    def close(self) -> int:
        """Closes the window as a person does; returns the exit code of its process."""
        try:
            self.ask("close", within=5)
        except HandError:
            self._process.terminate()
        try:
            code = self._process.wait(12)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._log.close()
        return code

    def _note_rung(self, stats: dict[str, Any]) -> None:
        rung = stats.get("audio_out", {}).get("rung")
        if rung is not None and (not self.rungs or self.rungs[-1]["rung"] != rung):
            self.rungs.append({"at": round(time.time(), 1), "rung": rung})

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                message = json.loads(line)
            except ValueError:
                continue
            with self._arrived:
                if message.get("event") == "stats":
                    self._note_rung(message["stats"])
                    self.stats = message["stats"]
                elif "event" in message:
                    self.events.append(message)
                else:
                    self._answers[message["id"]] = message
                self._arrived.notify_all()
        with self._arrived:
            self._ended = True
            self._arrived.notify_all()
