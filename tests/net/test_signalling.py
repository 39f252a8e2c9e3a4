import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from app.net.signalling import ForgedSignal, OldSignal, SignedSignals
from app.wire.signed import Context, sign
from app.wire.visits import SignalBody

ALICE, BOB, EVE = (Ed25519PrivateKey.generate() for _ in range(3))
VISIT = "visit00001"


def public(key):
    return key.public_key().public_bytes_raw()


def pair(milliseconds=lambda: 1000):
    peers = {"alice00001": public(ALICE), "bob0000001": public(BOB)}
    return (
        SignedSignals(VISIT, "alice00001", ALICE, peers, milliseconds),
        SignedSignals(VISIT, "bob0000001", BOB, peers, milliseconds),
    )


def test_an_offer_arrives_as_it_was_signed():
    alice, bob = pair()
    body = bob.unwrap("alice00001", alice.wrap("bob0000001", "offer", "call000001", "v=0"))
    assert (body.kind, body.call, body.sdp) == ("offer", "call000001", "v=0")


def test_a_swapped_fingerprint_is_noticed():
    alice, bob = pair()
    signed = alice.wrap("bob0000001", "offer", "call000001", "a=fingerprint:sha-256 AA")
    swapped = signed.model_copy(update={"payload": signed.payload.replace(b"sha-256 AA", b"sha-256 BB")})
    with pytest.raises(ForgedSignal):
        bob.unwrap("alice00001", swapped)


def test_a_strangers_signature_is_refused():
    _, bob = pair()
    body = SignalBody(
        visit_id=VISIT, sender="alice00001", recipient="bob0000001", call="call000001", sequence=1, kind="offer"
    )
    with pytest.raises(ForgedSignal):
        bob.unwrap("alice00001", sign(body, Context.SIGNAL, EVE))
    with pytest.raises(ForgedSignal):
        bob.unwrap("eve0000001", sign(body, Context.SIGNAL, EVE))


def test_a_signal_of_another_visit_or_to_another_device_is_refused():
    alice, bob = pair()
    elsewhere = SignedSignals("visit00002", "alice00001", ALICE, {}, lambda: 1)
    for signed in (
        elsewhere.wrap("bob0000001", "bye", "call000001", ""),
        alice.wrap("carol00001", "bye", "c" * 8, ""),
    ):
        with pytest.raises(ForgedSignal):
            bob.unwrap("alice00001", signed)


@given(st.permutations(range(6)))
def test_no_message_is_heard_twice_nor_after_a_newer_one(order):
    alice, bob = pair()
    messages = [alice.wrap("bob0000001", "again", "call000001", "") for _ in order]
    newest = -1
    for i in [*order, *order]:
        if i > newest:
            bob.unwrap("alice00001", messages[i])
            newest = i
        else:
            with pytest.raises(OldSignal):
                bob.unwrap("alice00001", messages[i])


def test_a_restarted_app_is_not_taken_for_a_replay():
    peers = {"alice00001": public(ALICE)}
    bob = SignedSignals(VISIT, "bob0000001", BOB, peers, lambda: 0)
    for started_at in (1_000, 2_000):
        alice = SignedSignals(VISIT, "alice00001", ALICE, {}, lambda t=started_at: t)
        bob.unwrap("alice00001", alice.wrap("bob0000001", "offer", "call000001", ""))
