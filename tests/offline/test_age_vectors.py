"""The age project's own test vectors (tests/vectors/age/SOURCE.md), all of them, through app.offline.age.

Ours opens binary files sealed to X25519 keys. Armoured files, passphrases (scrypt) and the hybrid keys of after v1 are
refused, whatever a vector expects of those who support them: docs/sealed-format.md says so.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.offline.age import AgeError, AgeIdentity
from app.offline.errors import SealBroken
from app.offline.sealing import Hashes, open_file
from app.offline.sealing_process import SealingProcess, Stop

VECTORS = sorted((Path(__file__).parents[1] / "vectors" / "age" / "testdata").iterdir())
_HYBRID = "AGE-SECRET-KEY-PQ-"


@dataclass(frozen=True)
class Vector:
    head: dict[str, list[str]]
    file: bytes

    @property
    def ours(self) -> bool:
        """Whether it is for what we support: the vector's own outcome is due then, and a refusal else."""
        keys = self.head.get("identity", [])
        return (
            "passphrase" not in self.head
            and "armored" not in self.head
            and not any(k.startswith(_HYBRID) for k in keys)
        )


def vector(path: Path) -> Vector:
    text, _, body = path.read_bytes().partition(b"\n\n")
    head: dict[str, list[str]] = {}
    for line in text.decode().splitlines():
        key, _, value = line.partition(": ")
        head.setdefault(key, []).append(value)
    return Vector(head, zlib.decompress(body) if head.get("compressed") == ["zlib"] else body)


def opened(found: Vector) -> bytes | None:
    """What any of the vector's X25519 keys opens; with none of its own, a key of no meaning."""
    for key in found.head.get("identity", []) or [AgeIdentity.generate().secret()]:
        if not key.startswith(_HYBRID):
            try:
                return AgeIdentity(key).decrypt(found.file)
            except AgeError:
                continue
    return None


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.name)
def test_every_vector_ends_as_it_should(path: Path) -> None:
    found = vector(path)
    clear = opened(found)
    if found.head["expect"] == ["success"] and (found.ours or clear is not None):
        assert "armored" not in found.head
        assert clear is not None
        assert hashlib.sha256(clear).hexdigest() == found.head["payload"][0]
    else:
        assert clear is None


def test_all_of_them_are_there() -> None:
    found = [vector(path) for path in VECTORS]
    ours = [one for one in found if one.ours]
    sound = [one for one in ours if one.head["expect"] == ["success"]]
    assert (len(found), len(ours), len(sound)) == (143, 67, 14)


_STREAMS = [path for path in VECTORS if path.name.startswith(("stream_", "x25519"))]


@pytest.mark.parametrize("path", _STREAMS[::3], ids=lambda path: path.name)
def test_the_child_process_says_the_same(path: Path) -> None:
    found = vector(path)
    digest = hashlib.sha256()
    with SealingProcess("open", {"identity": found.head["identity"][0]}, None, Stop()) as child:
        child.feed_from([found.file])
        for piece in child.pieces():
            digest.update(piece)
        assert child.answer().ok == (found.head["expect"] == ["success"])
    # What came out before a fault is authentic, as far as it goes.
    assert digest.hexdigest() == found.head.get("payload", [hashlib.sha256().hexdigest()])[0]


def test_armour_is_no_sealed_file(tmp_path: Path) -> None:
    found = vector(next(path for path in VECTORS if path.name == "armor_x25519"))
    (tmp_path / "f").write_bytes(found.file)
    with pytest.raises(SealBroken) as caught:
        open_file(tmp_path / "f", AgeIdentity(found.head["identity"][0]), Hashes("", "", 0), 10)
    assert caught.value.detail == "not a binary age v1 file"
