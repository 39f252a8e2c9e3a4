"""Where commands without a window have the passphrase from: a file descriptor, a file, or the terminal.

Never an argument and never a variable's value: other programs can read both. None of it is logged.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import getpass
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from app.offline.errors import OfflineError, PassphraseNeeded
from app.offline.keys import Asking, AskPassphrase
from app.offline.passphrase import MIN_CHARACTERS

FILE_VARIABLE = "THINLINE_PASSPHRASE_FILE"
MAX_BYTES = 4096
FD_HELP = f"the passphrase comes on file descriptor N (else from the file {FILE_VARIABLE} names, or the terminal)"
TERMINAL_TRIES = 3


class PassphraseUnreadable(OfflineError):
    """The descriptor or file that was named cannot be read, is empty, too long, or no UTF-8."""

    sentence = "The passphrase could not be read from the place that was named for it."


def from_descriptor(descriptor: int) -> str:
    """The first line of what comes on it, up to its end, which is waited for; the descriptor is closed.

    Raises :class:`PassphraseUnreadable`.
    """
    try:
        with open(descriptor, "rb") as file:
            return _first_line(file.read(MAX_BYTES + 1))
    except OSError as exc:
        raise PassphraseUnreadable(f"descriptor {descriptor}: {exc.strerror}") from exc


def from_file(environment: Mapping[str, str] = os.environ) -> str | None:
    """The first line of the file that :data:`FILE_VARIABLE` names; None when it names none.

    Raises :class:`PassphraseUnreadable`.
    """
    named = environment.get(FILE_VARIABLE, "")
    if not named:
        return None
    try:
        with Path(named).open("rb") as file:
            return _first_line(file.read(MAX_BYTES + 1))
    except OSError as exc:
        raise PassphraseUnreadable(f"{FILE_VARIABLE}: {exc.strerror}") from exc


def _first_line(data: bytes) -> str:
    line = data.split(b"\n", 1)[0].removesuffix(b"\r")
    if not line or len(line) > MAX_BYTES:
        raise PassphraseUnreadable(f"{len(line)} bytes")
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise PassphraseUnreadable("not UTF-8") from exc


def asker(
    descriptor: int | None,
    *,
    choose: bool,
    environment: Mapping[str, str] = os.environ,
    typed: Callable[[str], str],
    terminal: Callable[[], bool] = lambda: sys.stdin is not None and sys.stdin.isatty(),
) -> AskPassphrase:
    """Answers :func:`app.offline.keys.open_store_key` at the command line.

    The descriptor comes first, then the file, then the terminal when there is one. `choose`: a new passphrase may be
    set (False: whoever asked for the weak file gets it). What was read is offered once: when it is wrong, there is no
    other. At the terminal there are :data:`TERMINAL_TRIES`, and an empty line says "without". `typed`: shows its words
    and returns a line (:func:`at_terminal`).
    """
    given: list[str] = []
    tries = 0

    def ask(why: Asking) -> str | None:
        nonlocal tries
        new = why in (Asking.NEW, Asking.SHORT)
        if new and not choose:
            return None
        if not given and (found := _named(descriptor, environment)) is not None:
            given.append(found)
            return found
        if given:
            if why is Asking.SHORT:  # a weak file in silence is not what was meant
                raise PassphraseUnreadable(f"fewer than {MIN_CHARACTERS} characters")
            return None
        if not terminal() or tries >= TERMINAL_TRIES:
            return None
        if new:
            return _chosen(typed, why)
        tries += 1
        return typed(_WORDS[why]) or None

    return ask


def at_terminal(loop: asyncio.AbstractEventLoop, read: Callable[[str], str] = getpass.getpass) -> Callable[[str], str]:
    """Reads a line without showing it, on the thread of `loop`, which must be the main one: Ctrl-C ends the command
    there. The asking thread is let go first (PassphraseNeeded), so that nothing is made after a Ctrl-C.
    """

    def on_main(words: str, line: concurrent.futures.Future[str]) -> None:
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # asyncio's own would wait for Enter
        try:
            line.set_result(read(words))
        except BaseException as exc:
            line.set_exception(PassphraseNeeded(type(exc).__name__))
            if not isinstance(exc, EOFError):
                raise
        finally:
            signal.signal(signal.SIGINT, before)

    def typed(words: str) -> str:
        line: concurrent.futures.Future[str] = concurrent.futures.Future()
        loop.call_soon_threadsafe(on_main, words, line)
        return line.result()

    return typed


def _named(descriptor: int | None, environment: Mapping[str, str]) -> str | None:
    return from_descriptor(descriptor) if descriptor is not None else from_file(environment)


_WORDS = {
    Asking.NEW: "This computer has no key ring. Choose a passphrase for what is saved here (nobody can bring it back; "
    "an empty line: go on without one, which is weak): ",
    Asking.SHORT: f"At least {MIN_CHARACTERS} characters, please (an empty line: without one): ",
    Asking.OPEN: "Passphrase: ",
    Asking.WRONG: "This is not the right one. Passphrase: ",
}


def _chosen(typed: Callable[[str], str], why: Asking) -> str | None:
    """Typed twice alike, or None for "without"."""
    words = _WORDS[why]
    while first := typed(words):
        if typed("Once more: ") == first:
            return first
        words = "The two were not the same. Passphrase: "
    return None
