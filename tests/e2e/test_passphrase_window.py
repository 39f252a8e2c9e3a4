"""A passphrase in the real window on a machine without a key ring, over restarts, and the same profile at the line."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.backends.fail
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from app.__main__ import main
from app.compose import Running, WindowOptions, build, take_down
from app.offline.passphrase_source import FILE_VARIABLE
from app.ui import names
from app.ui.app import dress
from app.ui.driver import said
from tests.offline.offline_kit import every_byte

GOOD, OTHER = "blue paper boat", "another passphrase"
MS = 20_000


@pytest.fixture(autouse=True)
def no_key_ring(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = keyring.get_keyring()
    keyring.set_keyring(keyring.backends.fail.Keyring())
    monkeypatch.delenv(FILE_VARIABLE, raising=False)
    yield
    keyring.set_keyring(before)


class Opened:
    """The window of a profile, run as `thinline patient` runs it: started, not waited for."""

    def __init__(self, qtbot, running: Running) -> None:
        self.qtbot, self.window = qtbot, running.window

    def find(self, name: str) -> QWidget | None:
        return next((w for w in self.window.findChildren(QWidget, name) if w.isVisible()), None)

    def sees(self, name: str, words: str = "") -> None:
        self.qtbot.waitUntil(lambda: (w := self.find(name)) is not None and words in said(w), timeout=MS)

    def types(self, name: str, text: str) -> None:
        self.sees(name)
        self.qtbot.waitUntil(lambda: not self.find(name).isReadOnly(), timeout=MS)
        self.find(name).clear()
        self.qtbot.keyClicks(self.find(name), text)

    def presses(self, name: str) -> None:
        self.qtbot.waitUntil(lambda: (w := self.find(name)) is not None and w.isEnabled(), timeout=MS)
        self.qtbot.mouseClick(self.find(name), Qt.MouseButton.LeftButton)


@contextlib.contextmanager
def window(qtbot, folder: Path) -> Iterator[Opened]:
    running = build(WindowOptions("patient", folder, camera="none", microphone="none", speaker="none"))
    qtbot.addWidget(running.window)
    running.window.show()
    running.io.submit(running.presenter.start())
    try:
        yield Opened(qtbot, running)
    finally:
        assert take_down(running), "the window did not end in time"


def test_set_then_wrong_then_right_over_restarts(qtbot, qapp, tmp_path, capsys, caplog, monkeypatch) -> None:
    dress(qapp)
    folder = tmp_path / "ann"
    with window(qtbot, folder) as first:
        first.types(names.PASSPHRASE_FIRST, GOOD)
        first.types(names.PASSPHRASE_AGAIN, GOOD)
        first.presses(names.PASSPHRASE_GO)
        first.sees(names.ENROL_ADDRESS)
    assert (folder / "store.key.wrapped").exists()
    assert not (folder / "store.key").exists()
    with window(qtbot, folder) as closed:
        closed.sees(names.PASSPHRASE_TITLE, "Welcome back")
    with window(qtbot, folder) as second:
        second.types(names.PASSPHRASE_FIRST, OTHER)
        second.presses(names.PASSPHRASE_GO)
        second.sees(names.PASSPHRASE_FAULT, "not the right passphrase")
        assert second.find(names.ENROL_ADDRESS) is None
        second.types(names.PASSPHRASE_FIRST, GOOD)
        second.presses(names.PASSPHRASE_GO)
        second.sees(names.ENROL_ADDRESS)
    at_the_line(folder, tmp_path, capsys, monkeypatch)
    assert GOOD not in caplog.text
    assert GOOD.encode() not in every_byte(folder)


def at_the_line(folder: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    """Opened with the right one, it says that nobody has enrolled; else what is wrong with the passphrase."""
    monkeypatch.setattr(sys, "stdin", None)  # no terminal
    words = ["outbox", "list", "--profile", str(folder)]
    opened = (1, "use a code with `thinline outbox enrol`")
    assert told(words, capsys, "The items saved on this computer are locked.")
    for text, (code, sentence) in ((GOOD, opened), (OTHER, (1, "This passphrase is not the right one."))):
        reading, writing = os.pipe()
        os.write(writing, text.encode() + b"\n")
        os.close(writing)
        assert main([*words, "--passphrase-fd", str(reading)]) == code
        assert sentence in capsys.readouterr().err
    (tmp_path / "laid").write_text(GOOD + "\n")
    monkeypatch.setenv(FILE_VARIABLE, str(tmp_path / "laid"))
    assert told(words, capsys, opened[1])
    assert told(["clinic", "people", "--profile", str(folder)], capsys, "not enrolled")
    assert told([*words, "--no-keyring"], capsys, opened[1])


def told(words: list[str], capsys, sentence: str) -> bool:
    return main(words) == 1 and sentence in capsys.readouterr().err
