"""Pictures that do not scatter over the heap: few arenas, beside `hardening` the first thing done."""

from __future__ import annotations

import ctypes
import sys

_M_ARENA_MAX = -8  # malloc.h
_ARENAS = 2


def share_arenas() -> bool:
    """Two arenas for all threads of this process, before there are any (mallopt(3), M_ARENA_MAX); was it so?

    By default each of some thirty threads gets one of 8 per core: pictures that one thread makes and another lets go
    leave holes in each, and a visit grows by 20 to 50 MB an hour though no more is held. False where the C library is
    another one (musl, macOS, Windows): they have no such heap.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and mallopt(_M_ARENA_MAX, _ARENAS) == 1
