"""Where a command without a window has its passphrase from, and what is asked of a person at the terminal."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from app.offline.errors import PassphraseNeeded
from app.offline.keys import Asking, KeyPlace, open_store_key
from app.offline.passphrase import WrongPassphrase
from app.offline.passphrase_source import (
    FILE_VARIABLE,
    MAX_BYTES,
    PassphraseUnreadable,
    asker,
    at_terminal,
    from_descriptor,
    from_file,
)
from app.offline.profile import Profile

GOOD, OTHER = "blue paper boat", "another passphrase"


def laid(tmp_path: Path, data: bytes) -> dict[str, str]:
    (tmp_path / "given").write_bytes(data)
    return {FILE_VARIABLE: str(tmp_path / "given")}


def nobody(_words: str) -> str:
    raise AssertionError("nobody is to be asked")


def lines(*given: str) -> tuple[Callable[[str], str], list[str]]:
    """A person at the terminal, and the words that were shown."""
    left, shown = list(given), list[str]()

    def typed(words: str) -> str:
        shown.append(words)
        return left.pop(0)

    return typed, shown


@pytest.mark.parametrize(
    ("data", "found"),
    [(b"blue paper boat\n", GOOD), (b"blue paper boat\r\nmore", GOOD), (b" caf\xc3\xa9 ", " caf\u00e9 ")],
)
def test_the_first_line_is_the_passphrase(tmp_path: Path, data: bytes, found: str) -> None:
    assert from_file(laid(tmp_path, data)) == found
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    assert from_descriptor(reading) == found
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(reading)


@pytest.mark.parametrize("data", [b"", b"\nabc", b"\xff\xfe", b"x" * (MAX_BYTES + 1)])
def test_what_is_no_passphrase_is_refused_without_quoting_it(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(PassphraseUnreadable) as refused:
        from_file(laid(tmp_path, data))
    assert "xx" not in refused.value.detail


def test_a_place_that_is_not_there_is_an_error_and_no_place_is_none(tmp_path: Path) -> None:
    assert from_file({}) is None
    with pytest.raises(PassphraseUnreadable):
        from_file({FILE_VARIABLE: str(tmp_path / "gone")})
    with pytest.raises(PassphraseUnreadable):
        from_descriptor(999)


def test_a_kiosk_opens_by_a_file_and_a_wrong_or_short_one_is_said(tmp_path: Path) -> None:
    good, wrong, short = (laid(tmp_path / name, text.encode()) for name, text in made(tmp_path))
    with Profile.open(tmp_path / "p") as profile:
        with pytest.raises(PassphraseUnreadable):
            open_store_key(profile, None, asker(None, choose=True, environment=short, typed=nobody))
        assert not profile.key_file.exists(), "no weak file where a passphrase was meant"
        key = open_store_key(profile, None, asker(None, choose=True, environment=good, typed=nobody))
        assert key.place is KeyPlace.PASSPHRASE
        assert open_store_key(profile, None, asker(None, choose=False, environment=good, typed=nobody)) == key
        with pytest.raises(WrongPassphrase):
            open_store_key(profile, None, asker(None, choose=True, environment=wrong, typed=nobody))
        with pytest.raises(PassphraseNeeded):
            open_store_key(profile, None, asker(None, choose=True, environment={}, typed=nobody, terminal=no))


def made(tmp_path: Path) -> list[tuple[str, str]]:
    found = [("good", GOOD), ("wrong", OTHER), ("short", "short")]
    for name, _ in found:
        (tmp_path / name).mkdir()
    return found


def no() -> bool:
    return False


def yes() -> bool:
    return True


def test_at_the_terminal_it_is_set_twice_and_asked_for_three_times(tmp_path: Path) -> None:
    typed, shown = lines("short", "short", GOOD, OTHER, GOOD, GOOD)
    with Profile.open(tmp_path / "p") as profile:
        key = open_store_key(profile, None, asker(None, choose=True, environment={}, typed=typed, terminal=yes))
        assert key.place is KeyPlace.PASSPHRASE
        assert ("nobody can bring it back" in shown[0], "At least 8" in shown[2], "not the same" in shown[4]) == (
            (True,) * 3
        )
        typed, shown = lines(OTHER, GOOD)
        assert (
            open_store_key(profile, None, asker(None, choose=True, environment={}, typed=typed, terminal=yes)) == key
        )
        assert (shown[0], "not the right one" in shown[1]) == ("Passphrase: ", True)
        typed, shown = lines(OTHER, OTHER, OTHER)
        with pytest.raises(WrongPassphrase):
            open_store_key(profile, None, asker(None, choose=True, environment={}, typed=typed, terminal=yes))


@pytest.mark.parametrize("choose", [True, False])
def test_without_is_an_empty_line_or_the_flag(tmp_path: Path, choose: bool) -> None:
    typed, shown = lines("")
    ask = asker(None, choose=choose, environment={}, typed=typed, terminal=yes)
    with Profile.open(tmp_path / "p") as profile:
        assert open_store_key(profile, None, ask).place is KeyPlace.KEY_FILE
    assert len(shown) == choose


@pytest.mark.parametrize("ends", [KeyboardInterrupt, EOFError])
def test_a_person_who_breaks_off_leaves_nothing_behind(tmp_path: Path, ends: type[BaseException]) -> None:
    before = signal.getsignal(signal.SIGINT)

    def read(_words: str) -> str:
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        raise ends

    async def run() -> None:
        ask = asker(
            None, choose=True, environment={}, typed=at_terminal(asyncio.get_running_loop(), read), terminal=yes
        )
        with Profile.open(tmp_path / "p") as profile:
            await asyncio.to_thread(open_store_key, profile, None, ask)

    with pytest.raises(KeyboardInterrupt if ends is KeyboardInterrupt else PassphraseNeeded):
        asyncio.run(run())
    assert signal.getsignal(signal.SIGINT) is before
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == ["blobs", "lock"]


def test_every_question_has_its_words() -> None:
    for why in Asking:
        typed, shown = lines("")
        asker(None, choose=True, environment={}, typed=typed, terminal=yes)(why)
        assert len(shown) == 1
