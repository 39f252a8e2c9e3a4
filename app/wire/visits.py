"""Visits as the service sees them (ids, times, ciphertext) and as their participants do."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from app.wire.base import Bytes64, Id, UtcTime, WireModel
from app.wire.signed import Signed


class VisitDetails(WireModel):
    """What only the participants read: signed by a provider's device (Context.VISIT), then sealed to them all."""

    visit_id: Id
    starts_at: UtcTime
    minutes: int = Field(ge=1, le=24 * 60)
    reason: str = Field(max_length=500)
    patient_name: str = Field(max_length=200)
    patient_device: Id
    provider_name: str = Field(max_length=200)
    provider_device: Id
    clinic_phone: str = Field(default="", max_length=50)

    def other_device(self, device_id: str) -> str:
        """The one of the two that `device_id` is not."""
        return self.patient_device if device_id == self.provider_device else self.provider_device


class SealedVisit(WireModel):
    """The age plaintext of `Visit.sealed`: the signer's device id and the signed VisitDetails."""

    signer: Id
    details: Signed


class Visit(WireModel):
    """A row of the schedule. `sealed` is an age file to every participant."""

    visit_id: Id
    starts_at: UtcTime
    minutes: int = Field(ge=1, le=24 * 60)
    participants: tuple[Id, ...] = Field(min_length=2, max_length=8)
    sealed: Bytes64 = Field(max_length=32768)


class VisitList(WireModel):
    visits: tuple[Visit, ...]


IceUrl = Annotated[
    str, StringConstraints(pattern=r"^(stuns?|turns?):[A-Za-z0-9.\-\[\]:]{1,200}(\?transport=(udp|tcp))?$")
]
"""A STUN or TURN URI (RFC 7064, RFC 7065)."""


class IceServer(WireModel):
    """W3C RTCIceServer."""

    urls: tuple[IceUrl, ...] = Field(min_length=1, max_length=8)
    username: str | None = None
    credential: str | None = None


class IceConfig(WireModel):
    """GET /v1/ice: W3C iceServers and iceTransportPolicy, as the clinic has set them."""

    servers: tuple[IceServer, ...] = ()
    policy: Literal["all", "relay"] = "all"


class SignalBody(WireModel):
    """One signalling step between two devices in a visit; the sender's device signs it (Context.SIGNAL).

    `call` names one transport: an offer with a new `call` replaces the old transport under the same visit.
    `sequence` counts up for each sender in a visit, so an old message cannot be played again.
    """

    visit_id: Id
    sender: Id
    recipient: Id
    call: Id
    sequence: int = Field(ge=0)
    kind: Literal["offer", "answer", "bye", "again", "guest"]
    sdp: str = Field(default="", max_length=100_000)
    sealed: Bytes64 = Field(default=b"", max_length=8192)
    """`guest`: an age file to the recipient with a GuestIntroduction."""
