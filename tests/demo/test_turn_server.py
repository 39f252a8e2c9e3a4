"""The TURN server's protocol without sockets: RFC 8656's rules, times and hostile input."""

from __future__ import annotations

import hashlib
import struct

import pytest
from aioice import stun
from hypothesis import given
from hypothesis import strategies as st

from app.demo.path.turn import MAX_LIFETIME, REALM, Credentials, TurnServer, user_of

CLIENT = ("127.0.0.1", 5000)
OTHER = ("127.0.0.1", 5001)
PEER = ("127.0.0.1", 6000)
UDP = 0x11000000


class FakeRelay:
    def __init__(self, client):
        self.client = client
        self.address = ("127.0.0.1", 7000)
        self.sent = []
        self.closed = False

    def send(self, data, peer):
        self.sent.append((data, peer))

    def close(self):
        self.closed = True


class Bench:
    """A server whose clock and sockets are the test's."""

    def __init__(self):
        self.relays = []
        self.replies = []
        self.now = 0.0
        credentials = Credentials({"home": "secret", "town": "other"}, "shared")
        self.server = TurnServer(
            credentials, self.open_relay, lambda client, data: self.replies.append((client, data))
        )

    def open_relay(self, client):
        self.relays.append(FakeRelay(client))
        return self.relays[-1]

    def send(self, message, client=CLIENT):
        return self.send_bytes(bytes(message), client)

    def send_bytes(self, data, client=CLIENT):
        before = len(self.replies)
        self.server.from_client(self.now, 1000.0, client, data)
        return [stun.parse_message(reply) for _, reply in self.replies[before:]]

    def nonce(self):
        (refused,) = self.send(stun.Message(stun.Method.ALLOCATE, stun.Class.REQUEST))
        assert refused.error_code == 401
        assert refused.attributes["REALM"] == REALM
        return refused.attributes["NONCE"]

    def ask(self, method, attributes, client=CLIENT, user="home", password="secret", transaction_id=None):
        message = stun.Message(method, stun.Class.REQUEST, transaction_id, dict(attributes))
        message.attributes |= {"USERNAME": user, "REALM": REALM, "NONCE": self.nonce()}
        key = hashlib.md5(f"{user}:{REALM}:{password}".encode()).digest()
        message.add_message_integrity(key)
        (answer,) = self.send(message, client)
        assert answer.transaction_id == message.transaction_id
        if answer.error_code not in (401, 438):
            assert answer.check_message_integrity(key)
        return answer

    def allocate(self, **fields):
        return self.ask(stun.Method.ALLOCATE, {"REQUESTED-TRANSPORT": UDP, "LIFETIME": 300}, **fields)

    def bind(self, number=0x4000, peer=PEER, **fields):
        return self.ask(stun.Method.CHANNEL_BIND, {"CHANNEL-NUMBER": number, "XOR-PEER-ADDRESS": peer}, **fields)


@pytest.fixture
def bench():
    return Bench()


def test_an_allocation_gives_its_addresses_and_lifetime(bench):
    answer = bench.allocate()
    assert answer.attributes["XOR-RELAYED-ADDRESS"] == ("127.0.0.1", 7000)
    assert answer.attributes["XOR-MAPPED-ADDRESS"] == CLIENT
    assert answer.attributes["LIFETIME"] == 300
    assert bench.server.side_of(CLIENT) == "home"


def test_a_repeated_request_gets_the_same_answer_and_another_is_refused(bench):
    first = bench.allocate(transaction_id=b"a" * 12)
    again = bench.allocate(transaction_id=b"a" * 12)
    assert again.attributes["XOR-RELAYED-ADDRESS"] == first.attributes["XOR-RELAYED-ADDRESS"]
    assert bench.allocate(transaction_id=b"b" * 12).error_code == 437
    assert len(bench.relays) == 1


def test_an_allocation_that_is_not_refreshed_ends(bench):
    bench.allocate()
    bench.now = 299.0
    assert bench.ask(stun.Method.REFRESH, {"LIFETIME": 10_000}).attributes["LIFETIME"] == MAX_LIFETIME
    bench.now = 299.0 + MAX_LIFETIME
    bench.server.expire(bench.now)
    assert bench.relays[0].closed
    assert bench.server.allocations == 0
    assert bench.ask(stun.Method.REFRESH, {}).error_code == 437


def test_a_refresh_of_zero_frees_it_and_may_be_repeated(bench):
    bench.allocate()
    for _ in range(2):
        assert bench.ask(stun.Method.REFRESH, {"LIFETIME": 0}).attributes["LIFETIME"] == 0
    assert bench.relays[0].closed


def test_another_user_cannot_use_an_allocation(bench):
    bench.allocate()
    assert bench.bind(user="town", password="other").error_code == 441


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"password": "wrong"}, 401), ({"user": "nobody"}, 401), ({"user": "1:home", "password": "secret"}, 401)],
)
def test_who_is_not_known_is_refused(bench, fields, code):
    assert bench.allocate(**fields).error_code == code
    assert not bench.relays


def test_a_stale_nonce_and_a_missing_one_are_refused(bench):
    key = hashlib.md5(f"home:{REALM}:secret".encode()).digest()
    for attributes, code in (
        ({"USERNAME": "home", "REALM": REALM, "NONCE": b"old"}, 438),
        ({"USERNAME": "home", "REALM": REALM}, 400),
    ):
        message = stun.Message(stun.Method.ALLOCATE, stun.Class.REQUEST, attributes=attributes)
        message.add_message_integrity(key)
        (answer,) = bench.send(message)
        assert answer.error_code == code


def test_time_limited_credentials_end(bench):
    credentials = Credentials({}, "shared")
    assert credentials.password_of("2000:device", 1000.0) is None
    credentials.assign("device", "town")
    assert credentials.password_of("2000:device", 1000.0) is not None
    assert credentials.password_of("2000:device", 2001.0) is None
    assert credentials.password_of("soon:device", 1000.0) is None
    assert credentials.side_of("2000:device") == "town"


def test_channels_carry_both_ways_and_end(bench):
    bench.allocate()
    assert bench.bind().error_code is None
    bench.server.from_client(bench.now, 0, CLIENT, struct.pack("!HH", 0x4000, 3) + b"abcpadding")
    assert bench.relays[0].sent == [(b"abc", PEER)]
    bench.server.from_peer(bench.now, CLIENT, PEER, b"xyz")
    assert bench.replies[-1] == (CLIENT, struct.pack("!HH", 0x4000, 3) + b"xyz")
    count = len(bench.replies)
    bench.now = 301.0
    bench.server.from_peer(bench.now, CLIENT, PEER, b"late")
    assert len(bench.replies) == count


@pytest.mark.parametrize(
    ("number", "peer", "code"),
    [
        (0x4000, ("127.0.0.1", 6001), 400),  # the number is bound otherwise
        (0x4001, PEER, 400),  # so is the peer
        (0x3FFF, ("127.0.0.1", 6001), 400),
        (0x5000, ("127.0.0.1", 6001), 400),
        (0x4002, ("192.0.2.1", 6001), 403),
        (0x4002, ("127.0.0.1", 6001), None),
        (0x4000, PEER, None),  # a refresh
    ],
)
def test_which_channels_may_be_bound(bench, number, peer, code):
    bench.allocate()
    bench.bind()
    assert bench.bind(number, peer).error_code == code


def test_indications_need_a_permission(bench):
    bench.allocate()
    send = stun.Message(stun.Method.SEND, stun.Class.INDICATION, attributes={"XOR-PEER-ADDRESS": PEER, "DATA": b"hi"})
    bench.send(send)
    assert bench.relays[0].sent == []
    bench.server.from_peer(bench.now, CLIENT, PEER, b"too early")
    assert bench.ask(stun.Method.CREATE_PERMISSION, {"XOR-PEER-ADDRESS": PEER}).error_code is None
    bench.send(send)
    assert bench.relays[0].sent == [(b"hi", PEER)]
    bench.server.from_peer(bench.now, CLIENT, PEER, b"hello")
    data = stun.parse_message(bench.replies[-1][1])
    assert (data.message_method, data.attributes["DATA"]) == (stun.Method.DATA, b"hello")
    assert data.attributes["XOR-PEER-ADDRESS"] == PEER


def test_requests_without_what_they_need_are_refused(bench):
    assert bench.bind().error_code == 437
    assert bench.ask(stun.Method.ALLOCATE, {}).error_code == 442
    bench.allocate()
    assert bench.ask(stun.Method.CREATE_PERMISSION, {}).error_code == 400
    assert bench.ask(stun.Method.SHARED_SECRET, {}).error_code == 400


def test_a_binding_request_needs_no_user(bench):
    (answer,) = bench.send(stun.Message(stun.Method.BINDING, stun.Class.REQUEST), OTHER)
    assert answer.attributes["XOR-MAPPED-ADDRESS"] == OTHER


def request_bytes():
    bench = Bench()
    message = stun.Message(stun.Method.ALLOCATE, stun.Class.REQUEST)
    message.attributes |= {"USERNAME": "home", "REALM": REALM, "NONCE": bench.nonce(), "LIFETIME": 9}
    message.add_message_integrity(b"k")
    return bytes(message)


@given(
    st.one_of(st.binary(max_size=200), st.tuples(st.just(request_bytes()), st.integers(0, 107), st.integers(1, 255)))
)
def test_hostile_datagrams_neither_raise_nor_open_anything(data):
    if isinstance(data, tuple):
        whole, place, flip = data
        changed = bytearray(whole)
        changed[place % len(changed)] ^= flip
        data = bytes(changed)
    bench = Bench()
    bench.server.from_client(0.0, 0.0, CLIENT, data)
    user_of(data)
    assert not bench.relays


def test_the_user_named_in_a_message_can_be_read_before_it_is_checked():
    assert user_of(request_bytes()) == "home"
    assert user_of(b"\x80rubbish") is None
