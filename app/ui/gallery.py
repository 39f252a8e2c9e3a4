"""Every page in every state as PNG, to be looked at: `python -m app.ui.gallery OUTDIR [WIDTH HEIGHT]`."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QCoreApplication, QThreadPool
from PySide6.QtWidgets import QWidget

from app.media.levels import Level, Levels
from app.media.slot import FrameSlot
from app.ui import samples
from app.ui.app import PatientWindow, ProviderWindow, make_application
from app.ui.bridge import Bridge
from app.ui.form_samples import form_views
from app.ui.pages.form import FormPage
from app.ui.style import PATIENT_BASE, stylesheet


class _Nothing:
    """Commands that do nothing: a gallery is only looked at."""

    def __getattr__(self, name: str) -> _Nothing:
        return self

    def __call__(self, *args: object) -> None: ...


def settle() -> None:
    """Lets decoders, layouts and timers come to rest."""
    for _ in range(4):
        QThreadPool.globalInstance().waitForDone()
        QCoreApplication.processEvents()


class _Speaking(Levels):
    """Someone speaks, at an even voice, for as long as one looks."""

    def read(self, kind: str) -> Level:
        return Level(-24.0, -12.0, time.monotonic())


def shoot(window: QWidget, path: Path, width: int, height: int) -> None:
    window.resize(width, height)
    window.show()
    settle()
    window.grab().save(str(path))
    window.close()
    window.deleteLater()
    settle()


def main(argv: list[str]) -> int:
    if len(argv) not in (1, 3):
        print("usage: python -m app.ui.gallery OUTDIR [WIDTH HEIGHT]", file=sys.stderr)
        return 2
    out = Path(argv[0])
    out.mkdir(parents=True, exist_ok=True)
    width, height = (int(argv[1]), int(argv[2])) if len(argv) == 3 else (1024, 720)
    app = make_application([])
    remote, mine = FrameSlot(), FrameSlot()
    remote.put(samples.pixels(samples.figure(640, 480)), 0.0)
    mine.put(samples.pixels(samples.figure(640, 480, wall="#A89A86", shirt="#5B3A52")), 0.0)
    nothing, levels = _Nothing(), _Speaking()
    for name, patient in samples.patient_views().items():
        bridge: Bridge = Bridge()
        window = PatientWindow(nothing, bridge, remote, mine, now=lambda: samples.NOW, levels=levels)
        window.show_view(patient)
        shoot(window, out / f"patient-{name}.png", width, height)
    for name, view in samples.provider_views().items():
        desk = ProviderWindow(nothing, Bridge(), remote, mine, now=lambda: samples.NOW, levels=levels)
        desk.show_view(view)
        shoot(desk, out / f"provider-{name}.png", width, height)
    for name, form in form_views().items():
        page = FormPage(nothing)
        page.setStyleSheet(stylesheet(PATIENT_BASE))
        page.show_view(form)
        shoot(page, out / f"form-{name}.png", width, height)
    app.quit()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
