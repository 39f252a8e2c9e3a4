"""The screens' tests run off screen, with our own style, against commands that write down what they were told."""

from __future__ import annotations

import os

os.environ["QT_QPA_PLATFORM"] = "offscreen"


import pytest
from PySide6.QtWidgets import QApplication

from app.media.slot import FrameSlot
from app.ui import samples
from app.ui.app import PatientWindow, ProviderWindow, dress
from app.ui.bridge import Bridge


class Recorder:
    """Stands where a presenter stands; `calls` holds (command, arguments)."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[object, ...]]] = []

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in ("drafting", "answering", "measuring", "recording", "items", "past_visits"):  # parts of it
            return self
        return lambda *args: self.calls.append((name, args))


@pytest.fixture
def commands() -> Recorder:
    return Recorder()


@pytest.fixture(scope="session")
def qapp(qapp: QApplication) -> QApplication:
    dress(qapp)
    return qapp


@pytest.fixture
def bridge(qapp: QApplication) -> Bridge:
    return Bridge()


@pytest.fixture
def slots() -> tuple[FrameSlot, FrameSlot]:
    remote, mine = FrameSlot(), FrameSlot()
    remote.put(samples.pixels(samples.figure(320, 240)), 0.0)
    mine.put(samples.pixels(samples.figure(320, 240)), 0.0)
    return remote, mine


@pytest.fixture
def patient(qtbot, qapp, commands, bridge, slots) -> PatientWindow:
    window = PatientWindow(commands, bridge, *slots, now=lambda: samples.NOW)
    qtbot.addWidget(window)
    window.show()
    return window


@pytest.fixture
def provider(qtbot, qapp, commands, bridge, slots) -> ProviderWindow:
    window = ProviderWindow(commands, bridge, *slots, now=lambda: samples.NOW)
    qtbot.addWidget(window)
    window.show()
    return window
