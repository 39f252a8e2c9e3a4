"""PURE: what our apps tell each other of themselves: the 4 bytes in an RTCP APP packet named "TLIN" (RFC 3550 6.7).

Version 1, flags, what is sent, why. It goes out with every report, so a lost one costs nothing. The packet's subtype,
which the first version left at 0 and does not look at, is the wish for the other's pictures.
"""

from __future__ import annotations

from app.media.events import Cause, Modality, PeerState, View
from app.media.rtc.errors import BadRtcp

NAME = b"TLIN"
SIZE = 4
_VERSION = 1
_SENDING = (Modality.VIDEO, Modality.STILLS, Modality.AUDIO, Modality.WORDS)
_CAUSES = (
    Cause.START,
    Cause.CHOSEN,
    Cause.NO_CAMERA,
    Cause.LINK_THIN,
    Cause.LINK_RECOVERED,
    Cause.LINK_LOST,
    Cause.OTHER_CHOSE,
)
_WISHES = (View.TALK, View.DETAIL, View.MOTION)
_FLAGS = ("microphone_on", "camera_on", "hears_us", "sees_us", "speech_alone")


def pack_state(state: PeerState) -> bytes:
    flags = sum(getattr(state, name) << bit for bit, name in enumerate(_FLAGS))
    return bytes((_VERSION, flags, _SENDING.index(state.sending), _CAUSES.index(state.cause)))


def subtype_of(state: PeerState) -> int:
    """What goes into the subtype of the APP packet (5 bits)."""
    return _WISHES.index(state.wish)


def parse_state(data: bytes, subtype: int = 0) -> PeerState | None:
    """None for another version, which is not an error; a wish that we do not know is none. Raises BadRtcp for anything
    but an exact state of ours.
    """
    if len(data) != SIZE:
        raise BadRtcp(f"a peer's state has {SIZE} bytes, not {len(data)}")
    version, flags, sending, cause = data
    if version != _VERSION:
        return None
    if flags >> len(_FLAGS) or sending >= len(_SENDING) or cause >= len(_CAUSES):
        raise BadRtcp("a peer's state with unknown values")
    told = {name: bool(flags >> bit & 1) for bit, name in enumerate(_FLAGS)}
    wish = _WISHES[subtype] if 0 <= subtype < len(_WISHES) else View.TALK
    return PeerState(sending=_SENDING[sending], cause=_CAUSES[cause], wish=wish, **told)
