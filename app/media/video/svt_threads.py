"""What the threads of an open SVT-AV1 encoder are doing, by the system's word (Linux; elsewhere nothing is known).

SVT-AV1 4.1 (4.2 alike) has a race between two pictures. Its picture manager hands a picture on to be encoded, and only
then reads in that picture's record which older pictures it replaces (`svt_aom_picture_manager_kernel`,
pic_manager_process.c). In low delay there is one record: the next picture takes it over as soon as the packet is out.
When the picture manager waits for a core so long, it reads the next picture's list: a reference picture is never given
back, there are just enough of them, and picture decision waits for it for good (`ref_buffer_available_semaphore`,
pd_process.c). It cannot come to this while the next picture is sent only to an encoder all of whose threads rest.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

REST_S = 0.5
"""The longest wait for the encoder's threads to rest; they mostly do at the first look."""
STILL_S = 0.5
LOOK_S = 0.1
"""So often a waiting caller looks; the looks are counted too, for a process that was stopped meanwhile."""
_REST_LOOK_S = 0.001
_TASKS = Path("/proc/self/task")


class Look(NamedTuple):
    """One thread: it waits for something other than a core; how often it left one so far."""

    asleep: bool
    switches: int


class Standstill:
    """Tells an encoder that stands still for good from one that gets no core: `now` in seconds, of any clock.

    While a picture is pending, at least one thread works or waits for a core. All asleep, and none of them having run
    between looks over STILL_S, nobody is left to wake anybody.
    """

    def __init__(self) -> None:
        self._last: tuple[Look, ...] = ()
        self._since = 0.0
        self._same = 0

    def seen(self, now: float, looks: Iterable[Look]) -> bool:
        """Does it stand still for good? Never when nothing is known of its threads."""
        seen = tuple(looks)
        if not seen or seen != self._last or not all(look.asleep for look in seen):
            self._last, self._since, self._same = seen, now, 0
            return False
        self._same += 1
        return self._same * LOOK_S >= STILL_S and now - self._since >= STILL_S


def tasks() -> frozenset[int]:
    """The system's numbers of this process's threads; none where it does not tell."""
    return frozenset(int(task.name) for task in _TASKS.iterdir()) if _TASKS.is_dir() else frozenset()


def looked_at(numbers: Iterable[int]) -> list[Look]:
    """By State and the two counts of context switches (proc_pid_status(5)). A thread that has ended is left out, and
    where the system does not tell these, each.
    """
    looks = []
    for number in numbers:
        lines = (line.partition(":") for line in _read(number, "status").splitlines())
        fields = {name: value.strip() for name, _, value in lines}
        with contextlib.suppress(KeyError):
            switches = sum(int(fields[f"{kind}_ctxt_switches"]) for kind in ("voluntary", "nonvoluntary"))
            looks.append(Look(fields["State"].startswith("S"), switches))
    return looks


def rest(numbers: Iterable[int]) -> bool:
    """Returns when all these threads are asleep, REST_S later at the latest: are they?"""
    latest = time.monotonic() + REST_S
    while not all(_asleep(number) for number in numbers):
        if time.monotonic() > latest:
            return False
        time.sleep(_REST_LOOK_S)
    return True


def _asleep(number: int) -> bool:
    """proc_pid_stat(5): the state follows the name in brackets. It costs half of what the status costs."""
    _, _, state = _read(number, "stat").rpartition(") ")
    return state[:1] in {"S", ""}


def _read(number: int, what: str) -> str:
    """Empty for a thread that has ended, and for what may not be read."""
    with contextlib.suppress(OSError), open(f"{_TASKS}/{number}/{what}", "rb", buffering=0) as file:
        return (file.read(4096) or b"").decode("ascii", "replace")
    return ""
