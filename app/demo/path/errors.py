"""What can go wrong with the demo's thin path, each with one clear sentence."""

from __future__ import annotations


class PathError(Exception):
    """The thin path between the two sides does not work; the text is a sentence for a person."""


class PathUnavailable(PathError):
    """This machine cannot make such a path (no root, no Linux, no TUN device); another kind may do."""


class PathFailed(PathError):
    """The path's own process did not start, ended by itself or did not answer in time."""
