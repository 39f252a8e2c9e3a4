"""A device's word to its owner: each state is told once, the reason goes to the log."""

from __future__ import annotations

import logging
from collections.abc import Callable

log = logging.getLogger(__name__)


class Teller:
    """`report(state, name)` is called on the device's thread; `name` is used until the device has told its own."""

    def __init__(self, report: Callable[[str, str], None], name: str = "") -> None:
        self._report = report
        self._name = name
        self._told = ""

    def ready(self, name: str) -> None:
        self._tell("ready", name)

    def fail(self, state: str, reason: object, name: str | None = None) -> None:
        """`state` is one of DeviceChanged's, `reason` a sentence; `name` stands in for the last one known."""
        if state != self._told:
            log.info("%s", reason)
        self._tell(state, self._name if name is None else name)

    def _tell(self, state: str, name: str) -> None:
        if state != self._told or (state == "ready" and name != self._name):
            self._told, self._name = state, name
            self._report(state, name)
