"""The WebSocket /v1/events: one per device, JSON text messages, told apart by `type`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from app.wire.base import Id, WireModel
from app.wire.guests import CloseGuest, GuestSaid, GuestSeen, OpenGuest, SendGuest
from app.wire.signed import Signed


class Hello(WireModel):
    """The first message, within 10 s: the bearer token."""

    type: Literal["hello"] = "hello"
    token: str = Field(max_length=128)


class Enter(WireModel):
    """This person is ready for the visit (patient: in the waiting room; provider: starts it)."""

    type: Literal["enter"] = "enter"
    visit_id: Id


class Leave(WireModel):
    type: Literal["leave"] = "leave"
    visit_id: Id


class SendSignal(WireModel):
    """To another participant of the visit; the service hands it on unread."""

    type: Literal["signal"] = "signal"
    visit_id: Id
    to: Id
    body: Signed


class Ping(WireModel):
    type: Literal["ping"] = "ping"
    n: int = Field(ge=0)


class Welcome(WireModel):
    type: Literal["welcome"] = "welcome"
    device_id: Id


class Presence(WireModel):
    """A participant entered or left a visit of mine, or its connection ended. Sent for all present on entering too."""

    type: Literal["presence"] = "presence"
    visit_id: Id
    device_id: Id
    present: bool


class Signal(WireModel):
    type: Literal["signal"] = "signal"
    visit_id: Id
    sender: Id
    body: Signed


class Changed(WireModel):
    """Something to fetch again."""

    type: Literal["changed"] = "changed"
    what: Literal["visits", "inbox", "submissions", "team", "devices", "replies", "forms"]


class Pong(WireModel):
    type: Literal["pong"] = "pong"
    n: int


class Refused(WireModel):
    """The last message could not be used; the connection stays. `code` is one of app.wire.errors.ErrorCode."""

    type: Literal["refused"] = "refused"
    code: str = Field(max_length=64)
    detail: str = Field(default="", max_length=500)


ClientMessage = Annotated[
    Hello | Enter | Leave | SendSignal | OpenGuest | CloseGuest | SendGuest | Ping, Field(discriminator="type")
]
ServerMessage = Annotated[
    Welcome | Presence | Signal | GuestSeen | GuestSaid | Changed | Pong | Refused, Field(discriminator="type")
]

client_message: TypeAdapter[ClientMessage] = TypeAdapter(ClientMessage)
server_message: TypeAdapter[ServerMessage] = TypeAdapter(ServerMessage)
