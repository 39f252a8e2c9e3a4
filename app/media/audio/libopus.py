"""libopus' own API by ctypes: FFmpeg's wrapper can neither conceal, nor read in-band FEC, nor change an open encoder.

Names, numbers and meanings are those of opus.h and opus_defines.h (RFC 6716's reference implementation).
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
from collections.abc import Iterator
from pathlib import Path

import av

RATE = 48_000

OK = 0
APPLICATION_VOIP = 2048
SIGNAL_VOICE = 3001
BANDWIDTH_NARROWBAND, BANDWIDTH_MEDIUMBAND, BANDWIDTH_WIDEBAND = 1101, 1102, 1103

SET_BITRATE = 4002
SET_VBR = 4006
SET_BANDWIDTH = 4008
SET_COMPLEXITY = 4010
SET_INBAND_FEC = 4012
SET_PACKET_LOSS_PERC = 4014
SET_DTX = 4016
SET_VBR_CONSTRAINT = 4020
SET_SIGNAL = 4024
RESET_STATE = 4028

_MOST_FRAMES = 48
Pcm = ctypes.POINTER(ctypes.c_int16)


class OpusMissing(Exception):
    """No libopus on this machine; the sentence says so."""


class OpusError(Exception):
    """libopus refused: an invalid packet, or an argument out of range."""


def _candidates() -> Iterator[str]:
    """av's wheel brings libopus with it: beside the package on Linux and Windows, inside on macOS."""
    package = Path(av.__file__).parent
    for folder in (package.parent / "av.libs", package / ".dylibs"):
        yield from (str(path) for path in sorted(folder.glob("*opus*")))
    found = ctypes.util.find_library("opus")
    if found is not None:
        yield found


@functools.cache
def library() -> ctypes.CDLL:
    """The loaded library, its functions declared. Raises OpusMissing."""
    for name in _candidates():
        try:
            lib = ctypes.CDLL(name)
            _declare(lib)
        except (OSError, AttributeError):
            continue
        return lib
    raise OpusMissing("Speech needs the Opus library (libopus), which is not on this machine.")


def _declare(lib: ctypes.CDLL) -> None:
    """Argument types of what is not variadic; the two `ctl` functions are called through `encoder_set`, `reset`."""
    c_int, c_void_p, c_char_p = ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p
    int32, int_p = ctypes.c_int32, ctypes.POINTER(ctypes.c_int)
    prototypes: dict[str, tuple[type | None, list[object]]] = {
        "opus_get_version_string": (c_char_p, []),
        "opus_strerror": (c_char_p, [c_int]),
        "opus_encoder_create": (c_void_p, [int32, c_int, c_int, int_p]),
        "opus_encoder_destroy": (None, [c_void_p]),
        "opus_encode": (int32, [c_void_p, Pcm, c_int, c_char_p, int32]),
        "opus_decoder_create": (c_void_p, [int32, c_int, int_p]),
        "opus_decoder_destroy": (None, [c_void_p]),
        "opus_decode": (c_int, [c_void_p, c_char_p, int32, Pcm, c_int, c_int]),
        "opus_packet_get_nb_samples": (c_int, [c_char_p, int32, int32]),
        "opus_packet_parse": (
            c_int,
            [
                c_char_p,
                int32,
                ctypes.POINTER(ctypes.c_ubyte),
                ctypes.POINTER(c_void_p),
                ctypes.POINTER(ctypes.c_int16),
                int_p,
            ],
        ),
    }
    for name, (result, arguments) in prototypes.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments


def version() -> str:
    """As libopus says it, like "libopus 1.6.1". Raises OpusMissing."""
    return bytes(library().opus_get_version_string()).decode("ascii", "replace")


def check(result: int) -> int:
    """What libopus returned, if it is not one of its (negative) errors. Raises OpusError."""
    if result < 0:
        raise OpusError(bytes(library().opus_strerror(result)).decode("ascii", "replace"))
    return result


def encoder_set(encoder: int, request: int, value: int) -> None:
    """opus_encoder_ctl with one number. Raises OpusError.

    The function is variadic. Naming the two fixed arguments alone makes ctypes pass the rest as C's own rules for
    variadic calls want it, which differs from a plain call on ARM.
    """
    ctl = library().opus_encoder_ctl
    ctl.restype, ctl.argtypes = ctypes.c_int, [ctypes.c_void_p, ctypes.c_int]
    check(ctl(encoder, request, ctypes.c_int32(value)))


def first_frame(packet: bytes) -> tuple[int, bytes] | None:
    """(TOC byte, first frame's bytes) of an Opus packet (RFC 6716 section 3); None if it is none."""
    toc, offset = ctypes.c_ubyte(), ctypes.c_int()
    frames, sizes = (ctypes.c_void_p * _MOST_FRAMES)(), (ctypes.c_int16 * _MOST_FRAMES)()
    held = ctypes.create_string_buffer(packet, max(1, len(packet)))
    parse = library().opus_packet_parse
    count = parse(held, len(packet), ctypes.byref(toc), frames, sizes, ctypes.byref(offset))
    if count <= 0 or offset.value + sizes[0] > len(packet):
        return None
    return toc.value, packet[offset.value : offset.value + sizes[0]]
