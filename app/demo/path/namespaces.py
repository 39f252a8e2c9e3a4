"""The thin path for root on Linux: each side in a network namespace of its own, every packet through the emulator."""

from __future__ import annotations

import atexit
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from app.demo.path import netns
from app.demo.path.control import Worker
from app.demo.path.errors import PathUnavailable
from app.demo.path.face import Path, Side
from app.demo.path.shaper import LinkSettings

_CLINIC_PORT = 8443


class NamespacePath(Path):
    """Nothing leads out of the two namespaces but the link between them, so nothing can go round it."""

    kind = "namespaces"
    clinic_bind = (netns.TOWN_ADDRESS, _CLINIC_PORT)

    def __init__(self, settings: LinkSettings) -> None:
        super().__init__()
        self._settings = settings
        self._names: dict[str, str] = {}

    def start(self) -> None:
        reason = netns.why_not()
        if reason is not None:
            raise PathUnavailable(reason)
        atexit.register(self.close)
        self._worker = Worker("app.demo.path.emulator", {"settings": asdict(self._settings)})
        self._names = {side: self._worker.ready[side] for side in ("home", "town")}

    def clinic_address_for(self, side: Side) -> tuple[str, int]:
        return self.clinic_bind

    def ice_config(self) -> dict[str, Any]:
        """Host candidates meet directly over the link; no STUN or TURN server is reachable or needed."""
        return {"servers": [], "policy": "all"}

    def assign(self, device: str, side: Side) -> None:
        """A device is where its process runs: there is nothing to tell."""

    def close(self) -> None:
        super().close()
        atexit.unregister(self.close)
        # The emulator removes them itself; this is for one that was killed.
        for name in self._names.values():
            netns.remove(name)
        self._names.clear()

    def _command(self, side: Side, argv: Sequence[str]) -> list[str]:
        if not self._names:
            raise RuntimeError("the path has not been started, or it is closed")
        return [*netns.exec_prefix(self._names[side]), *argv]
