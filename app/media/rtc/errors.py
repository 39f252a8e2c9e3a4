"""What the far side or the network can get wrong."""

from __future__ import annotations

from aiortc.exceptions import InternalError, InvalidAccessError, InvalidStateError, OperationError

# What aiortc 1.16 raises for malformed SDP (measured: shared/facts.md), and what its states forbid.
SDP_ERRORS = (
    AssertionError,
    AttributeError,
    IndexError,
    KeyError,
    RuntimeError,
    TypeError,
    ValueError,
    InternalError,
    InvalidAccessError,
    InvalidStateError,
    OperationError,
)


class BadSignal(Exception):
    """A signalling step that cannot be used: malformed SDP, or one that does not fit. The session goes on."""


class BadRtp(ValueError):
    """An RTP packet that is malformed."""


class BadRtcp(ValueError):
    """An RTCP datagram, or a part of one, that is malformed or larger than we take."""


class BadRed(ValueError):
    """A RED payload (RFC 2198) that is malformed, or a block that RED cannot carry."""


class BadSctp(ValueError):
    """An SCTP packet that is malformed, or asks for more than we give."""


class BadSrtp(ValueError):
    """A datagram that SRTP does not take: forged, a copy, too long, or of one stream too many."""


class NotConnected(ConnectionError):
    """There are no SRTP keys yet, or the transport is closed."""


class NoAddress(ConnectionError):
    """This machine has no network address at the moment: nobody's mistake, and it may have one soon."""
