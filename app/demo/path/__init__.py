"""The thin path between the demo's two sides: network namespaces for root on Linux, a hop on loopback elsewhere."""

from __future__ import annotations

from typing import Literal

from app.demo.path import netns
from app.demo.path.errors import PathError, PathFailed, PathUnavailable
from app.demo.path.face import Counters, Direction, Path, Side
from app.demo.path.kinds import Kind
from app.demo.path.loopback import RelayPath
from app.demo.path.namespaces import NamespacePath
from app.demo.path.shaper import LinkSettings

__all__ = [
    "Counters",
    "Direction",
    "Kind",
    "LinkSettings",
    "NamespacePath",
    "Path",
    "PathError",
    "PathFailed",
    "PathUnavailable",
    "RelayPath",
    "Side",
    "make_path",
]


def make_path(kind: Literal["auto", "namespaces", "relay"] = "auto", settings: LinkSettings | None = None) -> Path:
    """A path that is not started yet; "auto" takes namespaces where they can be made (which is tried).

    `settings` are those at the start: 2000 kbit/s, 20 ms one way and a queue of 300 ms, if not given.
    Raises ValueError for another kind; PathUnavailable comes from `start`.
    """
    chosen = settings or LinkSettings()
    if kind == "auto":
        kind = "relay" if netns.why_not() else "namespaces"
    if kind == "namespaces":
        return NamespacePath(chosen)
    if kind == "relay":
        return RelayPath(chosen)
    raise ValueError(f"no such kind of path: {kind}")
