"""Sealed signalling with one guest's page: the other end has no device key, only what came with the link."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from app.net.signalling import ForgedSignal, OldSignal
from app.wire.guests import BrokenBox, GuestKeys, GuestStep, open_step, seal_step

GuestKind = Literal["offer", "answer", "again", "bye", "pictures-off", "pictures-on"]


class GuestSignals:
    """Seals what this device says to one guest and opens what the guest's page says.

    `name` and `role` are what the page shows of our person. The first page that speaks is the guest: another one with
    the same link is refused. `milliseconds` gives Unix time; it starts the sequence.
    """

    def __init__(
        self,
        guest_id: str,
        keys: GuestKeys,
        name: str,
        role: Literal["patient", "provider"],
        milliseconds: Callable[[], int],
    ) -> None:
        self._guest_id, self._keys = guest_id, keys
        self._name, self._role = name, role
        self._milliseconds = milliseconds
        self._sent, self._heard = 0, -1
        self._page = b""

    def wrap(self, kind: GuestKind, call: str, sdp: str) -> bytes:
        self._sent = max(self._sent + 1, self._milliseconds())
        step = GuestStep(kind=kind, call=call, sequence=self._sent, sdp=sdp, name=self._name, role=self._role)
        return seal_step(step, self._keys.to_guest, self._guest_id)

    def unwrap(self, box: bytes) -> GuestStep:
        """The step, if the guest's page sealed it for us and it is new.

        Raises :class:`ForgedSignal` or :class:`OldSignal`."""
        try:
            step = open_step(box, self._keys.from_guest, self._guest_id)
        except BrokenBox as exc:
            raise ForgedSignal(f"a guest's step does not open ({exc})") from exc
        if not step.page or (self._page and step.page != self._page):
            raise ForgedSignal("a second page uses a guest's link")
        if step.sequence <= self._heard:
            raise OldSignal(f"sequence {step.sequence}")
        self._page, self._heard = step.page, step.sequence
        return step
