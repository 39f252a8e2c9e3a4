"""Mutations of valid samples: bits, bytes, lengths, cuts, copies and splices."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

LONGEST = 4096
_BYTES = (0, 1, 2, 3, 4, 0x0F, 0x10, 0x1F, 0x20, 0x3F, 0x40, 0x7F, 0x80, 0x81, 0xBE, 0xC0, 0xDE, 0xFE, 0xFF)

Mutation = Callable[[random.Random, bytearray, Sequence[bytes]], None]


def _flip(chance: random.Random, data: bytearray, samples: Sequence[bytes]) -> None:
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _byte(chance: random.Random, data: bytearray, samples: Sequence[bytes]) -> None:
    data[chance.randrange(len(data))] = chance.choice(_BYTES)


def _number(chance: random.Random, data: bytearray, samples: Sequence[bytes]) -> None:
    at = chance.randrange(len(data))
    data[at : at + 2] = chance.choice((0, 1, 2, 0x7FFF, 0x8000, 0xFFFF, chance.randrange(0x10000))).to_bytes(2, "big")


def _cut(chance: random.Random, data: bytearray, samples: Sequence[bytes]) -> None:
    del data[chance.randrange(len(data)) :]


def _remove(chance: random.Random, data: bytearray, samples: Sequence[bytes]) -> None:
    at = chance.randrange(len(data))
    del data[at : at + chance.randrange(1, 9)]


def _insert(chance: random.Random, data: bytearray, samples: Sequence[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    data[at:at] = chance.randbytes(chance.randrange(1, 9))


def _copy(chance: random.Random, data: bytearray, samples: Sequence[bytes]) -> None:
    at = chance.randrange(len(data))
    data[at:at] = data[at : at + chance.randrange(1, 64)] * chance.randrange(1, 4)


def _splice(chance: random.Random, data: bytearray, samples: Sequence[bytes]) -> None:
    other = chance.choice(samples)
    data[chance.randrange(len(data)) :] = other[chance.randrange(len(other)) :]


_MUTATIONS: tuple[Mutation, ...] = (_flip, _flip, _byte, _byte, _number, _cut, _remove, _insert, _copy, _splice)


def mutated(chance: random.Random, samples: Sequence[bytes]) -> bytes:
    """One of the samples after one to four mutations; never more than LONGEST bytes. Samples are not empty."""
    data = bytearray(chance.choice(samples))
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 4))):
        if not data:
            break
        chance.choice(_MUTATIONS)(chance, data, samples)
    return bytes(data[:LONGEST])
