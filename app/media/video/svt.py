"""SVT-AV1's own API by ctypes: FFmpeg's wrapper cannot change the rate of an open encoder, and so costs a key frame.

Names, numbers and layouts are those of EbSvtAv1.h and EbSvtAv1Enc.h, versions 3 and 4. Settings go in as words
(`svt_av1_enc_parse_parameter`), so the large configuration's layout need not be known here.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from ctypes import c_double, c_int, c_int64, c_uint8, c_uint32, c_uint64, c_void_p
from pathlib import Path

import av

from app.media.video import svt_threads

OK = 0
KEY_PICTURE, ANY_PICTURE = 3, 0xFF
END_OF_STREAM = 1
RATE_CHANGE_EVENT = 4
_CONFIGURATION_BYTES = 1 << 16
"""More than any version's EbSvtAv1EncConfiguration takes (some 2 KB)."""
_BYTES_OF_HEADER = 144
STALLED_S = 5.0
"""Many times what the largest key picture takes the slowest machine; for where its threads cannot be looked at."""

_one_opens = threading.Lock()
"""Version 4.1 keeps an encoder's sizes in static memory while it opens; and so new threads are known to be its own."""


class Av1Missing(Exception):
    """No SVT-AV1 that we know on this machine; the sentence says so."""


class Av1Error(Exception):
    """SVT-AV1 refused what it was asked."""


class Av1Stalled(Av1Error):
    """It stands still for good; another one may be opened."""


class Header(ctypes.Structure):
    """EbBufferHeaderType: one picture going in, or one packet coming out."""

    _fields_ = [
        ("size", c_uint32),
        ("buffer", c_void_p),
        ("filled", c_uint32),
        ("allocated", c_uint32),
        ("events", c_void_p),
        ("wrapper", c_void_p),
        ("ticks", c_uint32),
        ("dts", c_int64),
        ("pts", c_int64),
        ("temporal_layer", c_uint8),
        ("qp", c_uint32),
        ("mean_qp", c_uint32),
        ("picture_type", c_int),
        ("luma_sse", c_uint64),
        ("cr_sse", c_uint64),
        ("cb_sse", c_uint64),
        ("flags", c_uint32),
        ("luma_ssim", c_double),
        ("cr_ssim", c_double),
        ("cb_ssim", c_double),
        ("metadata", c_void_p),
    ]


class Planes(ctypes.Structure):
    """EbSvtIOFormat: 8-bit 4:2:0; strides in samples."""

    _fields_ = [
        ("y", c_void_p),
        ("cb", c_void_p),
        ("cr", c_void_p),
        ("y_stride", c_uint32),
        ("cr_stride", c_uint32),
        ("cb_stride", c_uint32),
    ]


class RateInfo(ctypes.Structure):
    """SvtAv1RateInfo: `target` bit/s at the frame rate the encoder was opened with."""

    _fields_ = [("qp", c_uint32), ("target", c_uint32)]


class Event(ctypes.Structure):
    """EbPrivDataNode: what is to change from this picture on."""

    _fields_ = [("kind", c_int), ("data", c_void_p), ("size", c_uint32), ("next", c_void_p)]


def _candidates() -> Iterator[Path]:
    """av's wheel brings the library with it: beside the package on Linux and Windows, inside on macOS."""
    package = Path(av.__file__).parent
    for folder in (package.parent / "av.libs", package / ".dylibs"):
        yield from sorted(folder.glob("*SvtAv1Enc*"))


@functools.cache
def library() -> ctypes.CDLL:
    """The loaded library, its functions declared. Raises Av1Missing."""
    os.environ.setdefault("SVT_LOG", "1")  # errors alone: it greets on stderr at each opening
    for path in _candidates():
        try:
            lib = ctypes.CDLL(str(path))
            _declare(lib)
        except (OSError, AttributeError):
            continue
        return lib
    raise Av1Missing("AV1 pictures need the SVT-AV1 library, which is not on this machine.")


def _declare(lib: ctypes.CDLL) -> None:
    handle_p = ctypes.POINTER(c_void_p)
    prototypes: dict[str, tuple[type | None, list[object]]] = {
        "init_handle": (c_uint32, [handle_p, c_void_p]),
        "parse_parameter": (c_uint32, [c_void_p, ctypes.c_char_p, ctypes.c_char_p]),
        "set_parameter": (c_uint32, [c_void_p, c_void_p]),
        "init": (c_uint32, [c_void_p]),
        "send_picture": (c_uint32, [c_void_p, ctypes.POINTER(Header)]),
        "get_packet": (c_uint32, [c_void_p, ctypes.POINTER(ctypes.POINTER(Header)), c_uint8]),
        "release_out_buffer": (None, [ctypes.POINTER(ctypes.POINTER(Header))]),
        "deinit": (c_uint32, [c_void_p]),
        "deinit_handle": (c_uint32, [c_void_p]),
    }
    for name, (result, arguments) in prototypes.items():
        function = getattr(lib, f"svt_av1_enc_{name}")
        function.restype, function.argtypes = result, arguments


@contextlib.contextmanager
def _ordinary_scheduling() -> Iterator[None]:
    """For root, SVT-AV1 puts its threads and the one that opens it under SCHED_FIFO at priority 99: nothing else would
    run beside an encoder, speech included. They get back what was there before (Linux).
    """
    if not hasattr(os, "sched_setscheduler") or os.geteuid() != 0 or not svt_threads.tasks():
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    before = svt_threads.tasks()
    try:
        yield
    finally:
        for thread in (0, *(svt_threads.tasks() - before)):
            with contextlib.suppress(OSError):  # it ended meanwhile
                os.sched_setscheduler(thread, policy, parameters)


class Handle:
    """One open encoder. Raises Av1Missing or Av1Error. A picture and the closing may come from two threads.

    Pictures are encoded on a thread of its own: SVT-AV1 can come to stand still for good (svt_threads tells why), and
    neither a call nor the end of the process may wait for that. Av1Stalled then, and the encoder is left as it is.
    """

    def __init__(self, settings: Mapping[str, int]) -> None:
        self._lib = library()
        self._handle = c_void_p()
        self._turn = threading.Lock()
        self._asked = queue.SimpleQueue[Callable[[], tuple[bytes, bool]] | None]()
        self._made = queue.SimpleQueue[tuple[bytes, bool] | Av1Error]()
        caller = threading.Thread(target=_work, args=(self._asked, self._made), name="av1", daemon=True)
        with _one_opens:
            before = svt_threads.tasks()
            with _ordinary_scheduling():
                self._open(settings)
            self._is_open = True
            self._threads = tuple(svt_threads.tasks() - before)
            caller.start()
        self._caller = caller.native_id

    def _open(self, settings: Mapping[str, int]) -> None:
        configuration = ctypes.create_string_buffer(_CONFIGURATION_BYTES)
        _check(self._lib.svt_av1_enc_init_handle(ctypes.byref(self._handle), configuration), "a handle")
        try:
            for name, value in settings.items():
                told = self._lib.svt_av1_enc_parse_parameter(configuration, name.encode(), str(value).encode())
                _check(told, f"{name} {value}")
            _check(self._lib.svt_av1_enc_set_parameter(self._handle, configuration), "the settings")
            _check(self._lib.svt_av1_enc_init(self._handle), "to start")
        except Av1Error:
            self._lib.svt_av1_enc_deinit_handle(self._handle)
            raise

    def encode(self, planes: Planes, size: int, pts: int, *, key: bool, target: int | None) -> tuple[bytes, bool]:
        """(temporal unit, is it a key picture) of one picture of `size` bytes; `target` changes the rate with it.
        Nothing when it was closed meanwhile.
        """
        header = Header(size=ctypes.sizeof(Header), buffer=ctypes.addressof(planes), filled=size, allocated=size)
        header.pts, header.picture_type = pts, KEY_PICTURE if key else ANY_PICTURE
        rate = RateInfo(0, target or 0)
        event = Event(RATE_CHANGE_EVENT, ctypes.addressof(rate), ctypes.sizeof(rate), None)
        if target is not None:
            header.events = ctypes.addressof(event)
        with self._turn:
            if not self._is_open:
                return b"", False
            self._asked.put(functools.partial(self._encode, header, (planes, rate, event)))
            made = self._answer()
            if isinstance(made, Av1Error):
                raise made
            return made

    def _answer(self) -> tuple[bytes, bool] | Av1Error:
        """Waits in short steps and counts them: a process that was stopped for a while has not stood still."""
        still = svt_threads.Standstill()
        for _ in range(round(STALLED_S / svt_threads.LOOK_S)):
            with contextlib.suppress(queue.Empty):
                return self._made.get(timeout=svt_threads.LOOK_S)
            if still.seen(time.monotonic(), self._looks()):
                break
        self._is_open = False
        raise Av1Stalled("SVT-AV1 does not answer any more")

    def _looks(self) -> list[svt_threads.Look]:
        """The caller's own thread too: it may be copying the picture in, or come back and wait for the interpreter."""
        return svt_threads.looked_at((*self._threads, self._caller)) if self._threads and self._caller else []

    def _encode(self, header: Header, _kept: object) -> tuple[bytes, bool]:
        """`_kept`: what the header points to."""
        svt_threads.rest(self._threads)
        _check(self._lib.svt_av1_enc_send_picture(self._handle, ctypes.byref(header)), "a picture")
        return self._take()

    def _take(self) -> tuple[bytes, bool]:
        """In low delay each picture gives its packet at once."""
        packet = ctypes.POINTER(Header)()
        _check(self._lib.svt_av1_enc_get_packet(self._handle, ctypes.byref(packet), 0), "its packet")
        header = packet.contents
        try:
            if header.size != _BYTES_OF_HEADER:
                raise Av1Error("this SVT-AV1 has another layout than we know")
            return ctypes.string_at(header.buffer, header.filled), header.picture_type == KEY_PICTURE
        finally:
            self._lib.svt_av1_enc_release_out_buffer(ctypes.byref(packet))

    def close(self) -> None:
        """Ends its threads and gives its memory back; a second call does nothing."""
        with self._turn:
            if not self._is_open:
                return
            self._is_open = False
            self._asked.put(None)
            last = Header(size=ctypes.sizeof(Header), flags=END_OF_STREAM, picture_type=ANY_PICTURE)
            svt_threads.rest(self._threads)
            self._lib.svt_av1_enc_send_picture(self._handle, ctypes.byref(last))
            self._lib.svt_av1_enc_deinit(self._handle)
            self._lib.svt_av1_enc_deinit_handle(self._handle)

    def __del__(self) -> None:
        if getattr(self, "_is_open", False):
            self.close()


def _work(
    asked: queue.SimpleQueue[Callable[[], tuple[bytes, bool]] | None],
    made: queue.SimpleQueue[tuple[bytes, bool] | Av1Error],
) -> None:
    while True:
        encode = asked.get()
        if encode is None:
            return
        try:
            made.put(encode())
        except Av1Error as exc:
            made.put(exc)
        del encode  # it holds the handle, which closes itself when nobody does


def _check(result: int, what: str) -> None:
    if result != OK:
        raise Av1Error(f"SVT-AV1 refused {what} ({result:#x})")
