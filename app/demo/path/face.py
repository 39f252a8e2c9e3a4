"""The common face of the demo's two thin paths: the patient's "home", the clinic's "town", little between them."""

from __future__ import annotations

import os
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from app.demo.path.control import Worker
from app.demo.path.kinds import Kind

Side = Literal["home", "town"]


@dataclass(frozen=True)
class Direction:
    """Counters of one direction since the start: packets, bytes as the link counts them (IP headers in).

    `by_kind` is what was delivered: kind -> (packets, bytes). `rtp` is media.
    """

    offered: int
    delivered: int
    queue_drops: int
    cut_losses: int
    delivered_bytes: int
    by_kind: Mapping[Kind, tuple[int, int]]

    @property
    def media_packets(self) -> int:
        return self.by_kind[Kind.RTP][0]

    @property
    def media_bytes(self) -> int:
        return self.by_kind[Kind.RTP][1]


@dataclass(frozen=True)
class Counters:
    to_home: Direction
    to_town: Direction


class Path(ABC):
    """A thin, steerable path between the patient's side ("home") and the clinic and the provider ("town").

    Made by :func:`app.demo.path.make_path`. All methods block briefly (milliseconds; `start` and `close` up to some
    seconds) and may be used from any thread. Use it as a context manager or call :meth:`close`: it ends every process
    that :meth:`popen` started. Methods raise PathFailed if the path's own process has died.
    """

    kind: Literal["namespaces", "relay"]
    clinic_bind: tuple[str, int]
    """Where the clinic must listen: run it by `popen("town", ...)` with this host and port."""

    def __init__(self) -> None:
        self._worker: Worker | None = None
        self._children: list[subprocess.Popen[Any]] = []

    @abstractmethod
    def start(self) -> None:
        """Makes the path. Raises PathUnavailable or PathFailed."""

    @abstractmethod
    def clinic_address_for(self, side: Side) -> tuple[str, int]:
        """(host, port) at which that side reaches the clinic."""

    @abstractmethod
    def ice_config(self) -> dict[str, Any]:
        """The clinic's ICE settings on this path, for its `--ice` file."""

    @abstractmethod
    def assign(self, device: str, side: Side) -> None:
        """Tells on which side an enrolled device is, where the path cannot find out by itself (see RelayPath)."""

    @abstractmethod
    def _command(self, side: Side, argv: Sequence[str]) -> list[str]:
        """The command line that runs `argv` on that side."""

    def clinic_url_for(self, side: Side, scheme: str = "https") -> str:
        host, port = self.clinic_address_for(side)
        return f"{scheme}://{host}:{port}"

    def set(
        self,
        *,
        toward: Side | None = None,
        rate_kbps: float | None = None,
        delay_ms: float | None = None,
        queue_ms: float | None = None,
        cut: bool | None = None,
    ) -> None:
        """Changes the link at once, both ways or only `toward` one side; what is None stays as it is.

        `rate_kbps` is in kbit/s of IP bytes, above 0; `delay_ms` is one way; `queue_ms` is the drop-tail limit at the
        present rate (1500 bytes at least). `cut` loses all that is under way and all that comes. Raises ValueError.
        """
        given = {"toward": toward, "rate_kbps": rate_kbps, "delay_ms": delay_ms, "queue_ms": queue_ms, "cut": cut}
        self.worker.ask("set", **{name: value for name, value in given.items() if value is not None})

    def counters(self) -> Counters:
        """What has passed since the start."""
        reply = self.worker.ask("counters")
        return Counters(to_home=_direction(reply["to_home"]), to_town=_direction(reply["to_town"]))

    def popen(
        self, side: Side, argv: Sequence[str], *, env: Mapping[str, str] | None = None, **options: Any
    ) -> subprocess.Popen[Any]:
        """Runs a command on that side; `env` is added to the environment, `options` go to subprocess.Popen."""
        child = subprocess.Popen(self._command(side, argv), env={**os.environ, **(env or {})}, **options)
        self._children.append(child)
        return child

    def close(self) -> None:
        """Ends what :meth:`popen` started and takes the path down. May be called again."""
        for child in self._children:
            if child.poll() is None:
                child.terminate()
        for child in self._children:
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._children.clear()
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    @property
    def worker(self) -> Worker:
        """The path's own process. Raises RuntimeError before :meth:`start` and after :meth:`close`."""
        if self._worker is None:
            raise RuntimeError("the path has not been started, or it is closed")
        return self._worker

    def __enter__(self) -> Path:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _direction(reply: Mapping[str, Any]) -> Direction:
    return Direction(
        offered=reply["offered"],
        delivered=reply["delivered"],
        queue_drops=reply["queue_drops"],
        cut_losses=reply["cut_losses"],
        delivered_bytes=reply["delivered_bytes"],
        by_kind={kind: (reply["packets_by_kind"][kind], reply["bytes_by_kind"][kind]) for kind in Kind},
    )
