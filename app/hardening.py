"""What every process of ours does first, so that no image of its memory reaches the disk (law 3).

It imports nothing of ours, so that the clinic, the windows and the limited children (app/offline/limited.py) share it.
"""

from __future__ import annotations

import contextlib
import sys

_PR_SET_DUMPABLE = 4  # linux/prctl.h


def keep_memory_off_the_disk() -> None:
    """No core file by limit (RLIMIT_CORE 0) and, on Linux, none by right (PR_SET_DUMPABLE 0, prctl(2)).

    Both are needed: the kernel ignores the limit where core files go to a program (core(5), "Piping core dumps"), and
    other systems have the limit alone. Not dumpable also keeps other programs of the same person from reading the
    memory (ptrace(2), /proc/PID/mem). A new program begins dumpable again: each process calls this itself.
    Windows has neither; nothing happens there.
    """
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
