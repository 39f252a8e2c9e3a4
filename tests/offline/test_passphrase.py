"""The store's secret under a passphrase: asked for, told from damage, changed without touching what is saved."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.offline.errors import KeyMissing, PassphraseNeeded, WriteFailed
from app.offline.keys import Asking, AskPassphrase, KeyPlace, StoreKey, open_store_key, set_passphrase
from app.offline.passphrase import (
    KeyDamaged,
    PassphraseTooShort,
    WrongPassphrase,
    check_wrapped,
    unwrap_secret,
    wrap_secret,
)
from app.offline.profile import Profile
from app.offline.store import StoreCore
from tests.offline.offline_kit import every_byte

SECRET = bytes(range(32))
GOOD, OTHER = "blue paper boat", "another passphrase"


@pytest.fixture
def profile(tmp_path: Path) -> Iterator[Profile]:
    with Profile.open(tmp_path / "p") as opened:
        yield opened


def says(*words: str | None) -> tuple[AskPassphrase, list[Asking]]:
    """A person who gives these answers, and the questions that were asked."""
    left, asked = list(words), list[Asking]()

    def ask(why: Asking) -> str | None:
        asked.append(why)
        return left.pop(0)

    return ask, asked


def test_without_a_key_ring_a_person_may_choose_a_passphrase(profile: Profile) -> None:
    ask, asked = says("short", GOOD)
    made = open_store_key(profile, None, ask)
    assert made.place is KeyPlace.PASSPHRASE
    assert asked == [Asking.NEW, Asking.SHORT]
    assert not profile.key_file.exists()
    assert made.secret not in every_byte(profile.folder)
    assert GOOD.encode() not in every_byte(profile.folder)
    assert stat.S_IMODE(profile.wrapped_key_file.stat().st_mode) == 0o600
    ask, asked = says(OTHER, GOOD)
    assert open_store_key(profile, None, ask) == made
    assert asked == [Asking.OPEN, Asking.WRONG]


def test_who_wants_none_has_a_weak_file(profile: Profile) -> None:
    ask, asked = says(None)
    assert open_store_key(profile, None, ask).place is KeyPlace.KEY_FILE
    assert asked == [Asking.NEW]
    assert open_store_key(profile, None, says()[0]).place is KeyPlace.KEY_FILE


def test_a_locked_profile_is_never_given_a_new_key(profile: Profile) -> None:
    key = open_store_key(profile, None, says(GOOD)[0])
    StoreCore(profile.store_path, key.secret).close()
    before = every_byte(profile.folder)
    for ask in (None, says(None)[0]):
        with pytest.raises(PassphraseNeeded):
            open_store_key(profile, None, ask)
    with pytest.raises(WrongPassphrase):
        open_store_key(profile, None, says(OTHER, OTHER, None)[0])
    assert every_byte(profile.folder) == before
    profile.wrapped_key_file.unlink()
    with pytest.raises(KeyMissing):
        open_store_key(profile, None, says(GOOD)[0])


def test_another_passphrase_wraps_the_same_secret_anew(profile: Profile) -> None:
    key = open_store_key(profile, None, None)
    core = StoreCore(profile.store_path, key.secret)
    core.put("a", b"1")
    core.close()
    saved = profile.store_path.read_bytes()
    first = set_passphrase(profile, key, GOOD)
    assert (first.secret, first.place) == (key.secret, KeyPlace.PASSPHRASE)
    assert not profile.key_file.exists()
    wrapped = profile.wrapped_key_file.read_bytes()
    second = set_passphrase(profile, first, OTHER)
    assert profile.wrapped_key_file.read_bytes() != wrapped
    assert profile.store_path.read_bytes() == saved
    assert open_store_key(profile, None, says(GOOD, OTHER)[0]) == second
    core = StoreCore(profile.store_path, second.secret)
    assert core.get("a") == b"1"
    core.close()


def test_a_change_that_fails_leaves_the_old_one(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    key = open_store_key(profile, None, says(GOOD)[0])
    with pytest.raises(PassphraseTooShort):
        set_passphrase(profile, key, "seven77")

    def fail(descriptor: int) -> None:
        raise OSError(5, "I/O error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        with pytest.raises(WriteFailed):
            set_passphrase(profile, key, OTHER)
    assert open_store_key(profile, None, says(GOOD)[0]) == key
    assert not [name for name in os.listdir(profile.folder) if name.endswith(".part")]


def test_the_same_letters_written_otherwise_open_too(tmp_path: Path) -> None:
    wrap_secret(tmp_path / "k", SECRET, "cafe\u0301 au lait")
    assert unwrap_secret(tmp_path / "k", "caf\u00e9 au lait") == SECRET


def test_every_damaged_byte_is_told_from_a_wrong_passphrase(tmp_path: Path) -> None:
    path = tmp_path / "k"
    wrap_secret(path, SECRET, GOOD)
    sound = path.read_bytes()
    with pytest.raises(WrongPassphrase):
        unwrap_secret(path, OTHER)
    damaged = [sound[:n] + bytes([sound[n] ^ 1]) + sound[n + 1 :] for n in range(len(sound))]
    for data in (*damaged, *(sound[:n] for n in range(len(sound))), sound + b"x", b"\xff" * 9000):
        path.write_bytes(data)
        with pytest.raises(KeyDamaged):
            check_wrapped(path)


@pytest.mark.parametrize(
    "change",
    [
        {"memory_kib": 1 << 30},
        {"passes": 10**9},
        {"lanes": 0},
        {"format": "thinline-key/2"},
        {"more": 1},
        {"salt": ""},
    ],
)
def test_a_forged_file_does_not_take_all_memory(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "k"
    wrap_secret(path, SECRET, GOOD)
    line, wrapped, *_ = path.read_bytes().split(b"\n")
    body = json.dumps({**json.loads(line), **change}).encode() + b"\n" + wrapped + b"\n"
    path.write_bytes(body + hashlib.sha256(body).hexdigest().encode() + b"\n")
    with pytest.raises(KeyDamaged):
        unwrap_secret(path, GOOD)


def test_the_secret_is_not_in_a_repr() -> None:
    assert SECRET.hex() not in repr(StoreKey(SECRET, KeyPlace.PASSPHRASE))
