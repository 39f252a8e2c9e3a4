"""One real window of the app in a process of its own, with a hand on it: `python -m app.demo.stage ROLE ...`.

Requests of the hand come on standard input (app.ui.driver); its answers go to standard output, and between them
lines with "event": what the screen was given to show (never what it decides) and the visit's statistics.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import logging
import sys
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TextIO

from app.compose import Running, WindowOptions, run_window
from app.presenters.views import PatientView, PhotoPhase, ProviderView
from app.ui.driver import attach

_STATS_S = 0.5
_SLICE = 48


class _Lines:
    """JSON lines from several threads on one stream; itself the stream that the driver writes its answers to."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def write(self, text: str) -> int:
        with self._lock:
            count = self._stream.write(text)
            self._stream.flush()
        return count

    def flush(self) -> None:
        return None

    def event(self, kind: str, **fields: Any) -> None:
        self.write(json.dumps({"event": kind, **fields}) + "\n")


class _Witness:
    """Tells what the views show that no widget spells out: the photo's hash, the timeline; and the statistics."""

    def __init__(self, running: Running, lines: _Lines) -> None:
        self._running = running
        self._lines = lines
        self._told_device = False
        self._told_timeline = 0
        self._told_photo = ""
        self._told_opened = ""
        self._stopped = threading.Event()
        running.bridge.view_changed.connect(self._on_view)
        threading.Thread(target=self._stats, name="demo-stats", daemon=True).start()

    def _on_view(self, view: PatientView | ProviderView) -> None:
        if not self._told_device and self._running.presenter.ready:
            self._told_device = True
            self._lines.event("device", id=self._running.presenter.account.clinic.device_id)
        if view.visit is not None:
            for entry in view.visit.timeline[self._told_timeline :]:
                self._lines.event("timeline", at=entry.at.timestamp(), text=entry.text)
            self._told_timeline = len(view.visit.timeline)
        else:
            self._told_timeline = 0
        if isinstance(view, PatientView):
            self._photo(view)
        elif view.opened is not None and view.opened.submission_id != self._told_opened:
            digests = [part.sha256 for part in view.opened.parts]
            if all(digests):  # each was opened, and is what the patient's device sealed
                self._told_opened = view.opened.submission_id
                self._lines.event("opened", sha256=digests)

    def _photo(self, view: PatientView) -> None:
        if view.photo is None or view.photo.phase is not PhotoPhase.REVIEW:
            return
        jpeg = view.photo.jpeg
        digest = hashlib.sha256(jpeg).hexdigest()
        if digest != self._told_photo:
            self._told_photo = digest
            places = [len(jpeg) * i // 5 for i in range(1, 5)]
            slices = [base64.b64encode(jpeg[p : p + _SLICE]).decode() for p in places]
            self._lines.event("photo", sha256=digest, size=len(jpeg), slices=slices)

    def _stats(self) -> None:
        while not self._stopped.wait(_STATS_S):
            try:
                future: Future[dict[str, Any]] = self._running.io.submit(self._running.presenter.visit_stats())
                stats = future.result(5)
            except (RuntimeError, TimeoutError):
                return
            if stats:
                self._lines.event("stats", stats=stats)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="app.demo.stage")
    parser.add_argument("role", choices=["patient", "provider"])
    parser.add_argument("--profile", type=Path, required=True)
    parser.add_argument("--camera", required=True)
    parser.add_argument("--microphone", required=True)
    options = parser.parse_args(argv)
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for name in ("aioice", "aiortc", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    lines = _Lines(sys.stdout)

    def take_hold(running: Running) -> object:
        return attach(running.window, lines), _Witness(running, lines)  # type: ignore[arg-type]

    role = "patient" if options.role == "patient" else "provider"
    return run_window(
        WindowOptions(
            role=role,  # type: ignore[arg-type]
            profile=options.profile,
            camera=options.camera,
            microphone=options.microphone,
            speaker="none",
            keyring=False,
        ),
        take_hold,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
