"""What the far side or the network can get wrong."""

from __future__ import annotations


class BadSignal(Exception):
    """A signalling step that cannot be used: malformed SDP, or one that does not fit. The session goes on."""


class BadReport(ValueError):
    """A message on the link channel that is none."""
