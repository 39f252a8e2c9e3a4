"""The profile folder, its lock, the secret that opens the store and where it lies."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from app.offline.errors import KeyMissing, ProfileInUse, ProfileUnusable, WriteFailed
from app.offline.keys import SECRET_BYTES, KeyPlace, device_keys, open_store_key
from app.offline.profile import Profile, default_folder
from app.offline.store import StoreCore
from tests.offline.offline_kit import every_byte

ROOT = Path(__file__).resolve().parents[2]


class Ring:
    """A key ring in memory."""

    def __init__(self, faults: frozenset[str] = frozenset()) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.faults = faults

    def get_password(self, service: str, username: str, /) -> str | None:
        if "get" in self.faults:
            raise RuntimeError("no session bus")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str, /) -> None:
        if "set" in self.faults:
            raise OSError("locked")
        if "forget" not in self.faults:
            self.kept[service, username] = password


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_profile_is_closed_to_others(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o777)
    for folder in (tmp_path / "open", tmp_path / "deep" / "new"):
        with Profile.open(folder) as profile:
            assert mode(profile.folder) == 0o700
            assert mode(profile.blobs) == 0o700


def test_one_instance_at_a_time(tmp_path: Path) -> None:
    with Profile.open(tmp_path / "p"), pytest.raises(ProfileInUse) as caught:
        Profile.open(tmp_path / "p")
    assert "already open" in str(caught.value)
    Profile.open(tmp_path / "p").close()


def test_the_lock_of_a_killed_process_is_free_again(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from app.offline.profile import Profile;"
        "p = Profile.open(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "p")], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(ProfileInUse):
            Profile.open(tmp_path / "p")
        child.kill()
    Profile.open(tmp_path / "p").close()


def test_a_file_in_the_way_is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("not a folder")
    with pytest.raises(ProfileUnusable):
        Profile.open(tmp_path / "p")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_someone_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    os.chown(tmp_path / "p", 12345, 12345)
    with pytest.raises(ProfileUnusable):
        Profile.open(tmp_path / "p")


def test_default_folders_differ_by_role() -> None:
    assert default_folder("patient") != default_folder("provider")
    assert default_folder("patient").parent.name == "thinline"


def test_the_key_ring_comes_first_and_nothing_is_on_disk(tmp_path: Path) -> None:
    ring = Ring()
    with Profile.open(tmp_path / "p") as profile:
        made = open_store_key(profile, ring)
        assert (made.place, len(made.secret)) == (KeyPlace.KEYRING, SECRET_BYTES)
        assert open_store_key(profile, ring) == made
        assert list(ring.kept) == [("thinline", str(profile.folder))]
        assert not profile.key_file.exists()
        assert made.secret.hex() not in repr(made)


@pytest.mark.parametrize("fault", ["get", "set", "forget", None])
def test_without_a_key_ring_that_works_there_is_a_weak_file_named_as_such(tmp_path: Path, fault: str | None) -> None:
    ring = None if fault is None else Ring(frozenset({fault}))
    with Profile.open(tmp_path / "p") as profile:
        made = open_store_key(profile, ring)
        assert made.place is KeyPlace.KEY_FILE
        assert profile.key_file.read_bytes() == made.secret
        assert mode(profile.key_file) == 0o600
        assert open_store_key(profile, Ring()) == made


@pytest.mark.parametrize("ring", [None, Ring(), Ring(frozenset({"get"}))])
def test_a_store_without_its_key_is_never_given_a_new_one(tmp_path: Path, ring: Ring | None) -> None:
    with Profile.open(tmp_path / "p") as profile:
        first = Ring()
        StoreCore(profile.store_path, open_store_key(profile, first).secret).close()
        before = every_byte(profile.folder)
        with pytest.raises(KeyMissing):
            open_store_key(profile, ring)
        assert every_byte(profile.folder) == before
        StoreCore(profile.store_path, open_store_key(profile, first).secret).close()


def test_a_key_file_that_was_cut_short(tmp_path: Path) -> None:
    with Profile.open(tmp_path / "p") as profile:
        profile.key_file.write_bytes(b"short")
        with pytest.raises(KeyMissing):
            open_store_key(profile, Ring())


def test_a_key_file_that_cannot_be_synced_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(5, "I/O error")

    with Profile.open(tmp_path / "p") as profile:
        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(WriteFailed):
            open_store_key(profile, None)
        assert not [name for name in os.listdir(profile.folder) if "store.key" in name and name.endswith(".part")]


def test_device_keys_are_made_once_and_only_in_the_store(tmp_path: Path) -> None:
    core = StoreCore(tmp_path / "s.db", bytes(32))
    first = device_keys(core)
    core.close()
    core = StoreCore(tmp_path / "s.db", bytes(32))
    again = device_keys(core)
    core.close()
    assert (again.ed25519, again.age_recipient) == (first.ed25519, first.age_recipient)
    assert first.identity.secret().encode() not in every_byte(tmp_path)
    assert first.signing.private_bytes_raw() not in every_byte(tmp_path)
    assert first.identity.secret() not in repr(first)
