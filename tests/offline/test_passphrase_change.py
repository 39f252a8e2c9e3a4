"""kill -9 between every two steps of setting and changing a passphrase: the store's key is never out of reach."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.offline import passphrase
from app.offline.errors import PassphraseNeeded
from app.offline.files import write_private
from app.offline.keys import Asking, KeyPlace, StoreKey, change_passphrase, open_store_key
from app.offline.passphrase import KeyDamaged, WrongPassphrase
from app.offline.profile import Profile
from tests.offline.offline_kit import every_byte

OLD, NEW = "blue paper boat", "another passphrase"
DONE = 7


@pytest.fixture(autouse=True)
def quick_argon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The least memory and passes that the file may name: what is tested is the order of the writes."""
    header = passphrase._Header

    def cheap(**given: Any) -> passphrase._Header:
        return header(memory_kib=8 * 1024, passes=1, **given)

    cheap.model_validate = header.model_validate  # type: ignore[attr-defined]
    monkeypatch.setattr(passphrase, "_Header", cheap)


def says(*words: str) -> Callable[[Asking], str | None]:
    left = list(words)
    return lambda why: left.pop(0) if left else None


def made(folder: Path, place: KeyPlace) -> bytes:
    with Profile.open(folder) as profile:
        key = open_store_key(profile, None, says(OLD) if place is KeyPlace.PASSPHRASE else None)
        assert key.place is place
        return key.secret


def changed_in_a_child(folder: Path, kill_at: int) -> tuple[int, list[str]]:
    """Changes the passphrase in a process that kills itself at its `kill_at`-th step (0: never); how it ended, and
    the steps it named."""
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        count = 0

        def before(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
            def call(*args: Any, **kwargs: Any) -> Any:
                nonlocal count
                count += 1
                _WRITE(tell, f"{name}\n".encode())
                if count == kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)
                return function(*args, **kwargs)

            return call

        for name in ("fsync", "replace", "unlink", "write", "open"):
            setattr(os, name, before(name, getattr(os, name)))
        code = 1
        try:
            profile = Profile.open(folder)
            key = open_store_key(profile, None, says(OLD))
            change_passphrase(profile, key, OLD, NEW)
            code = DONE
        finally:
            os._exit(code)
    os.close(tell)
    with os.fdopen(told) as pipe:
        steps = pipe.read().split()
    return os.waitpid(child, 0)[1], steps


_WRITE = os.write


@pytest.mark.skipif(sys.platform == "win32", reason="os.fork")
@pytest.mark.parametrize("place", [KeyPlace.KEY_FILE, KeyPlace.PASSPHRASE])
def test_killed_at_every_step_of_a_change(tmp_path: Path, place: KeyPlace) -> None:
    secret = made(tmp_path / "template", place)
    status, steps = changed_in_a_child(Path(shutil.copytree(tmp_path / "template", tmp_path / "whole")), 0)
    assert os.waitstatus_to_exitcode(status) == DONE
    assert steps.count("replace") == 1
    assert "unlink" in steps[steps.index("replace") :]
    for at in range(1, len(steps) + 1):
        folder = Path(shutil.copytree(tmp_path / "template", tmp_path / f"at-{at}"))
        status, _ = changed_in_a_child(folder, at)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
        with Profile.open(folder) as profile:
            found = open_store_key(profile, None, says(OLD, NEW))
            assert found.secret == secret
            again = change_passphrase(profile, found, NEW if at_new(profile) else OLD, NEW)
            assert again == StoreKey(secret, KeyPlace.PASSPHRASE)
            assert open_store_key(profile, None, says(NEW)) == again
            with pytest.raises(WrongPassphrase):
                open_store_key(profile, None, says(OLD))
            assert not profile.key_file.exists()
            assert not list(folder.glob("*.part"))
        assert secret not in every_byte(folder)


def at_new(profile: Profile) -> bool:
    """Whether the change was through before the kill."""
    if not profile.wrapped_key_file.exists():
        return False
    try:
        passphrase.unwrap_secret(profile.wrapped_key_file, NEW)
    except WrongPassphrase:
        return False
    return True


def test_only_who_knows_the_present_one_changes_it(tmp_path: Path) -> None:
    made(tmp_path / "p", KeyPlace.PASSPHRASE)
    with Profile.open(tmp_path / "p") as profile:
        key = open_store_key(profile, None, says(OLD))
        before = every_byte(profile.folder)
        for wrong in ("", NEW, OLD.upper()):
            with pytest.raises(WrongPassphrase):
                change_passphrase(profile, key, wrong, NEW)
        with pytest.raises(KeyDamaged):
            change_passphrase(profile, StoreKey(bytes(32), KeyPlace.PASSPHRASE), OLD, NEW)
        assert every_byte(profile.folder) == before
        with pytest.raises(PassphraseNeeded):
            open_store_key(profile, None, None)


def test_a_weak_file_stays_until_the_new_one_reads_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = made(tmp_path / "p", KeyPlace.KEY_FILE)

    def torn(path: Path, data: bytes) -> None:
        write_private(path, data[:-9])

    with Profile.open(tmp_path / "p") as profile:
        monkeypatch.setattr(passphrase, "write_private", torn)
        with pytest.raises(KeyDamaged):
            change_passphrase(profile, open_store_key(profile, None), "", NEW)
        assert open_store_key(profile, None) == StoreKey(secret, KeyPlace.KEY_FILE)
