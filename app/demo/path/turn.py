"""A small TURN server's protocol (RFC 8656 over UDP, IPv4) without any socket: datagrams come in, calls go out.

It serves the demo on loopback alone: peers outside 127.0.0.0/8 are refused, so that it relays for nobody else.
Long-term credentials (RFC 8489 section 9.2) with fixed users, or with coturn's time-limited ones: the user
"expiry:id" and the password base64(HMAC-SHA1(secret, user)).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import secrets
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from aioice import stun

Address = tuple[str, int]

REALM = "thinline-demo"
MAX_LIFETIME = 600  # seconds; RFC 8656 section 3.2's default
_PERMISSION_LIFETIME = 300.0  # section 9
_CHANNEL_LIFETIME = 600.0  # section 12
_CHANNELS = range(0x4000, 0x5000)  # section 12
_UDP = 17
_MAX_ALLOCATIONS = 64


class Relay(Protocol):
    """A relayed transport address: a socket that the hop opened for one allocation."""

    address: Address

    def send(self, data: bytes, peer: Address) -> None: ...

    def close(self) -> None: ...


class Credentials:
    """Who may relay, and on which side of the thin link each user is."""

    def __init__(self, passwords: dict[str, str], secret: str) -> None:
        self._passwords = passwords
        self._secret = secret
        self._sides: dict[str, str] = {name: name for name in passwords}

    def assign(self, device: str, side: str) -> None:
        """Tells on which side the device is that uses time-limited credentials."""
        self._sides[device] = side

    def password_of(self, user: str, wall_time: float) -> str | None:
        """The password that the user must know; None if there is no such user, or its time is over."""
        if user in self._passwords:
            return self._passwords[user]
        expiry, _, device = user.partition(":")
        if device not in self._sides or not expiry.isdigit() or int(expiry) < wall_time:
            return None
        return base64.b64encode(hmac.digest(self._secret.encode(), user.encode(), "sha1")).decode()

    def side_of(self, user: str) -> str | None:
        return self._sides.get(user) or self._sides.get(user.partition(":")[2])


@dataclass
class Allocation:
    """Section 3.2: one client's relayed address with its permissions and channels, each with its end."""

    client: Address
    user: str
    key: bytes
    relay: Relay
    transaction_id: bytes
    ends: float
    permissions: dict[str, float] = field(default_factory=dict)
    peers: dict[int, Address] = field(default_factory=dict)
    channels: dict[Address, int] = field(default_factory=dict)
    channel_ends: dict[int, float] = field(default_factory=dict)

    def permits(self, now: float, peer: Address) -> bool:
        return self.permissions.get(peer[0], 0.0) > now

    def permit(self, now: float, peer: Address) -> None:
        self.permissions[peer[0]] = now + _PERMISSION_LIFETIME

    def bind(self, now: float, number: int, peer: Address) -> bool:
        """False if the number or the peer is bound otherwise."""
        self._drop_old_channels(now)
        if self.peers.get(number, peer) != peer or self.channels.get(peer, number) != number:
            return False
        self.peers[number], self.channels[peer] = peer, number
        self.channel_ends[number] = now + _CHANNEL_LIFETIME
        self.permit(now, peer)
        return True

    def channel_to(self, now: float, peer: Address) -> int | None:
        self._drop_old_channels(now)
        return self.channels.get(peer)

    def peer_of(self, now: float, number: int) -> Address | None:
        self._drop_old_channels(now)
        return self.peers.get(number)

    def _drop_old_channels(self, now: float) -> None:
        for number in [number for number, end in self.channel_ends.items() if end <= now]:
            del self.channel_ends[number]
            del self.channels[self.peers.pop(number)]


class Refusal(Exception):
    """A STUN error answer: code and reason (RFC 8656 section 19, RFC 8489 section 14.8)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class TurnServer:
    """`open_relay(allocate)` opens a socket whose datagrams come back through :meth:`from_peer`; `reply` sends to a
    client. `now` is monotonic, `wall_time` is what the credentials' expiry is compared with (both seconds)."""

    def __init__(
        self,
        credentials: Credentials,
        open_relay: Callable[[Address], Relay],
        reply: Callable[[Address, bytes], None],
    ) -> None:
        self._credentials = credentials
        self._open_relay = open_relay
        self._reply = reply
        self._nonce = secrets.token_hex(16).encode()
        self._allocations: dict[Address, Allocation] = {}
        self._requests: dict[stun.Method, Callable[[float, Address, stun.Message, bytes], dict[str, Any]]] = {
            stun.Method.ALLOCATE: self._allocate,
            stun.Method.REFRESH: self._refresh,
            stun.Method.CREATE_PERMISSION: self._create_permission,
            stun.Method.CHANNEL_BIND: self._channel_bind,
        }

    def side_of(self, client: Address) -> str | None:
        """On which side a client with an allocation is."""
        allocation = self._allocations.get(client)
        return None if allocation is None else self._credentials.side_of(allocation.user)

    @property
    def allocations(self) -> int:
        return len(self._allocations)

    def from_client(self, now: float, wall_time: float, client: Address, data: bytes) -> None:
        """Anything at all may come in; what is not TURN is dropped."""
        self.expire(now)
        if len(data) >= 4 and data[0] >> 4 == 4:
            self._channel_data(now, client, data)
            return
        try:
            message = stun.parse_message(data)
        except (ValueError, struct.error, IndexError):
            return
        if message.message_class == stun.Class.REQUEST:
            self._request(now, wall_time, client, message)
        elif message.message_class == stun.Class.INDICATION and message.message_method == stun.Method.SEND:
            self._send(now, client, message)

    def from_peer(self, now: float, client: Address, peer: Address, data: bytes) -> None:
        """A datagram from a peer to the relayed address of `client`'s allocation (sections 11.3 and 12.7)."""
        allocation = self._allocations.get(client)
        if allocation is None or not allocation.permits(now, peer):
            return
        channel = allocation.channel_to(now, peer)
        if channel is not None:
            self._reply(client, struct.pack("!HH", channel, len(data)) + data)
            return
        indication = stun.Message(stun.Method.DATA, stun.Class.INDICATION)
        indication.attributes.update({"XOR-PEER-ADDRESS": peer, "DATA": data})
        self._reply(client, bytes(indication))

    def expire(self, now: float) -> None:
        for client in [client for client, allocation in self._allocations.items() if allocation.ends <= now]:
            self._free(client)

    def close(self) -> None:
        for client in list(self._allocations):
            self._free(client)

    def _request(self, now: float, wall_time: float, client: Address, message: stun.Message) -> None:
        if message.message_method == stun.Method.BINDING:
            self._answer(client, message, stun.Class.RESPONSE, {"XOR-MAPPED-ADDRESS": client}, None)
            return
        key: bytes | None = None
        try:
            key = self._authenticate(wall_time, message)
            self._check_owner(client, message)
            handler = self._requests.get(message.message_method)
            if handler is None:
                raise Refusal(400, "Bad Request")
            attributes = handler(now, client, message, key)
        except Refusal as refusal:
            attributes = {"ERROR-CODE": (refusal.code, refusal.reason)}
            if refusal.code in (401, 438):
                attributes |= {"REALM": REALM, "NONCE": self._nonce}
            self._answer(client, message, stun.Class.ERROR, attributes, key)
        else:
            self._answer(client, message, stun.Class.RESPONSE, attributes, key)

    def _authenticate(self, wall_time: float, message: stun.Message) -> bytes:
        """RFC 8489 section 9.2.4: gives the user's long-term key."""
        given = message.attributes
        if "MESSAGE-INTEGRITY" not in given:
            raise Refusal(401, "Unauthenticated")
        if not {"USERNAME", "REALM", "NONCE"} <= set(given):
            raise Refusal(400, "Bad Request")
        if given["NONCE"] != self._nonce:
            raise Refusal(438, "Stale Nonce")
        user = str(given["USERNAME"])
        password = self._credentials.password_of(user, wall_time)
        if password is None or given["REALM"] != REALM:
            raise Refusal(401, "Unauthenticated")
        # The long-term key is defined over MD5 (RFC 8489 section 9.2.2).
        key = hashlib.md5(f"{user}:{REALM}:{password}".encode(), usedforsecurity=False).digest()
        if not message.check_message_integrity(key):
            raise Refusal(401, "Unauthenticated")
        return key

    def _check_owner(self, client: Address, message: stun.Message) -> None:
        """Section 5: an allocation is only for the user who made it."""
        allocation = self._allocations.get(client)
        if allocation is not None and allocation.user != str(message.attributes["USERNAME"]):
            raise Refusal(441, "Wrong Credentials")

    def _allocate(self, now: float, client: Address, message: stun.Message, key: bytes) -> dict[str, Any]:
        allocation = self._allocations.get(client)
        if allocation is None:
            if message.attributes.get("REQUESTED-TRANSPORT", 0) >> 24 != _UDP:
                raise Refusal(442, "Unsupported Transport Protocol")
            if len(self._allocations) >= _MAX_ALLOCATIONS:
                raise Refusal(486, "Allocation Quota Reached")
            user = str(message.attributes["USERNAME"])
            relay = self._open_relay(client)
            lifetime = _lifetime(message)
            allocation = Allocation(client, user, key, relay, message.transaction_id, now + lifetime)
            self._allocations[client] = allocation
        elif allocation.transaction_id != message.transaction_id:  # else it was sent twice (section 7.2)
            raise Refusal(437, "Allocation Mismatch")
        return {
            "XOR-RELAYED-ADDRESS": allocation.relay.address,
            "LIFETIME": round(allocation.ends - now),
            "XOR-MAPPED-ADDRESS": client,
        }

    def _refresh(self, now: float, client: Address, message: stun.Message, key: bytes) -> dict[str, Any]:
        lifetime = _lifetime(message)
        allocation = self._allocations.get(client)
        if lifetime == 0:
            # Also when it is gone already: the answer to the first try may have been lost (section 8.2).
            self._free(client)
        elif allocation is None:
            raise Refusal(437, "Allocation Mismatch")
        else:
            allocation.ends = now + lifetime
        return {"LIFETIME": lifetime}

    def _create_permission(self, now: float, client: Address, message: stun.Message, key: bytes) -> dict[str, Any]:
        allocation, peer = self._for_peer(client, message)
        allocation.permit(now, peer)
        return {}

    def _channel_bind(self, now: float, client: Address, message: stun.Message, key: bytes) -> dict[str, Any]:
        allocation, peer = self._for_peer(client, message)
        number = message.attributes.get("CHANNEL-NUMBER", 0)
        if number not in _CHANNELS or not allocation.bind(now, number, peer):
            raise Refusal(400, "Bad Request")
        return {}

    def _for_peer(self, client: Address, message: stun.Message) -> tuple[Allocation, Address]:
        allocation = self._allocations.get(client)
        if allocation is None:
            raise Refusal(437, "Allocation Mismatch")
        peer: Address | None = message.attributes.get("XOR-PEER-ADDRESS")
        if peer is None:
            raise Refusal(400, "Bad Request")
        if not ipaddress.ip_address(peer[0]).is_loopback:
            raise Refusal(403, "Forbidden")
        return allocation, peer

    def _send(self, now: float, client: Address, message: stun.Message) -> None:
        allocation = self._allocations.get(client)
        peer = message.attributes.get("XOR-PEER-ADDRESS")
        data = message.attributes.get("DATA")
        if allocation is not None and peer is not None and data is not None and allocation.permits(now, peer):
            allocation.relay.send(data, peer)

    def _channel_data(self, now: float, client: Address, data: bytes) -> None:
        allocation = self._allocations.get(client)
        number, length = struct.unpack_from("!HH", data)
        if allocation is None or len(data) < 4 + length:
            return
        peer = allocation.peer_of(now, number)
        if peer is not None and allocation.permits(now, peer):
            allocation.relay.send(data[4 : 4 + length], peer)

    def _free(self, client: Address) -> None:
        allocation = self._allocations.pop(client, None)
        if allocation is not None:
            allocation.relay.close()

    def _answer(
        self,
        client: Address,
        request: stun.Message,
        message_class: stun.Class,
        attributes: dict[str, Any],
        key: bytes | None,
    ) -> None:
        response = stun.Message(request.message_method, message_class, request.transaction_id, attributes)
        if key is None:
            response.add_fingerprint()
        else:
            response.add_message_integrity(key)
        self._reply(client, bytes(response))


def user_of(data: bytes) -> str | None:
    """The user that a STUN message names, not yet checked; None if it names none or is none."""
    try:
        user = stun.parse_message(data).attributes.get("USERNAME")
    except (ValueError, struct.error, IndexError):
        return None
    return None if user is None else str(user)


def _lifetime(message: stun.Message) -> int:
    return min(int(message.attributes.get("LIFETIME", MAX_LIFETIME)), MAX_LIFETIME)
