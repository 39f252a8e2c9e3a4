"""PURE: numbers that wrap around, made to go on (RFC 3550 appendix A.1, RFC 1982)."""

from __future__ import annotations


class Unwrapper:
    """`add` gives the number of `bits` bits as the integer nearest to the one before."""

    def __init__(self, bits: int) -> None:
        self._size = 1 << bits
        self._last: int | None = None

    def add(self, number: int) -> int:
        if not 0 <= number < self._size:
            raise ValueError(f"{number} does not fit")
        if self._last is None:
            self._last = number
        else:
            half = self._size // 2
            self._last += (number - self._last + half) % self._size - half
        return self._last


def distance(a: int, b: int) -> int:
    """How far the 16-bit number b is ahead of a on the circle (RFC 1982), -32768..32767."""
    return ((b - a + 0x8000) & 0xFFFF) - 0x8000
