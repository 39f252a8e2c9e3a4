"""The thin path that needs no root: both sides on loopback, media through a TURN hop, all else through a TCP hop."""

from __future__ import annotations

import atexit
import secrets
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from app.demo.path.control import Worker
from app.demo.path.face import Path, Side
from app.demo.path.shaper import LinkSettings

_HOST = "127.0.0.1"


class RelayPath(Path):
    """The clinic must be run with :meth:`ice_config`, so that both apps send media through the hop alone.

    The hop tells the two sides apart by their TURN users: by the device id in the time-limited credentials that the
    clinic makes, or, without a clinic, by the fixed users "home" and "town" with :attr:`passwords`. On Linux it finds
    out by itself on which side a device is, from the processes that :meth:`popen` ran; elsewhere :meth:`assign` must
    be called for both before their first visit, or TURN refuses them.
    """

    kind = "relay"

    def __init__(self, settings: LinkSettings) -> None:
        super().__init__()
        self._settings = settings
        self.clinic_bind = (_HOST, _free_port())
        self.passwords: dict[Side, str] = {"home": secrets.token_hex(16), "town": secrets.token_hex(16)}
        self.turn_secret = secrets.token_hex(16)

    def start(self) -> None:
        atexit.register(self.close)
        arguments = {
            "settings": asdict(self._settings),
            "clinic": self.clinic_bind,
            "passwords": self.passwords,
            "secret": self.turn_secret,
        }
        self._worker = Worker("app.demo.path.relay", arguments)

    def clinic_address_for(self, side: Side) -> tuple[str, int]:
        if side == "town":
            return self.clinic_bind
        host, port = self.worker.ready["tcp"]
        return host, port

    @property
    def turn_url(self) -> str:
        """The hop as an RFC 7065 URI."""
        host, port = self.worker.ready["turn"]
        return f"turn:{host}:{port}?transport=udp"

    def ice_config(self) -> dict[str, Any]:
        """Relay alone, with the secret from which the clinic makes each device's credentials."""
        return {"servers": [{"urls": [self.turn_url]}], "policy": "relay", "turn_secret": self.turn_secret}

    def assign(self, device: str, side: Side) -> None:
        self.worker.ask("assign", device=device, side=side)

    def popen(
        self, side: Side, argv: Sequence[str], *, env: Mapping[str, str] | None = None, **options: Any
    ) -> subprocess.Popen[Any]:
        child = super().popen(side, argv, env=env, **options)
        self.worker.ask("process", pid=child.pid, side=side)
        return child

    def close(self) -> None:
        super().close()
        atexit.unregister(self.close)

    def _command(self, side: Side, argv: Sequence[str]) -> list[str]:
        return list(argv)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port
