"""The heap of a process of ours: seen from inside, through the C library's own account of it."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="glibc's heap is Linux's")

# Twenty threads hold 1 MB each in small pieces, all at once; then the arenas are counted (malloc_info(3)).
_THREADS = """
import ctypes, sys, tempfile, threading
{before}
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
libc.fopen.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
libc.fclose.argtypes = [ctypes.c_void_p]
barrier = threading.Barrier(20)

def hold():
    for _ in range(1000):
        libc.malloc(1000)
    barrier.wait()

threads = [threading.Thread(target=hold) for _ in range(20)]
for thread in threads: thread.start()
for thread in threads: thread.join()
with tempfile.NamedTemporaryFile() as file:
    stream = libc.fopen(file.name.encode(), b"w")
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    print(file.read().count(b"<heap nr="))
"""
_OURS = "import app.__main__ as line; line._clinic = lambda words: 0; line.main(['clinic', 'serve'])"


def arenas(before: str) -> int:
    done = subprocess.run([sys.executable, "-c", _THREADS.format(before=before)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_many_threads_share_two_arenas() -> None:
    assert arenas("") > 2
    assert arenas(_OURS) <= 2
