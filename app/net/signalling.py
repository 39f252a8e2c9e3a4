"""Signed signalling: each offer and answer carries its device's signature, so that the service which hands
them on cannot put its own DTLS fingerprint in between (RFC 8827 section 5.6.1: identity bound to fingerprint)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.wire.signed import Context, SignatureError, Signed, sign, verify
from app.wire.visits import SignalBody

Kind = Literal["offer", "answer", "bye", "again", "guest"]


class ForgedSignal(Exception):
    """A signalling message does not come from whom it should, or is not for this visit and this device."""


class OldSignal(Exception):
    """A message that was heard before, or one that a newer message has overtaken: to be dropped."""


class SignedSignals:
    """Signs what this device says in one visit and checks what the others say.

    `peers` maps a device id to its Ed25519 public key, from records the clinic's root has signed.
    `milliseconds` gives Unix time; it starts the sequence, so that a restarted app is not taken for a replay.
    """

    def __init__(
        self,
        visit_id: str,
        me: str,
        key: Ed25519PrivateKey,
        peers: Mapping[str, bytes],
        milliseconds: Callable[[], int],
    ) -> None:
        self._visit_id = visit_id
        self._me = me
        self._key = key
        self._peers = dict(peers)
        self._milliseconds = milliseconds
        self._sent = 0
        self._heard: dict[str, int] = {}

    def wrap(self, recipient: str, kind: Kind, call: str, sdp: str, sealed: bytes = b"") -> Signed:
        self._sent = max(self._sent + 1, self._milliseconds())
        body = SignalBody(
            visit_id=self._visit_id,
            sender=self._me,
            recipient=recipient,
            call=call,
            sequence=self._sent,
            kind=kind,
            sdp=sdp,
            sealed=sealed,
        )
        return sign(body, Context.SIGNAL, self._key)

    def unwrap(self, sender: str, signed: Signed) -> SignalBody:
        """The message, if it is `sender`'s, for me, in this visit, and new.

        Raises :class:`ForgedSignal` or :class:`OldSignal`."""
        key = self._peers.get(sender)
        if key is None:
            raise ForgedSignal("a signal from a device that is not in this visit")
        try:
            body = verify(signed, Context.SIGNAL, key, SignalBody)
        except SignatureError as exc:
            raise ForgedSignal(str(exc)) from exc
        if (body.visit_id, body.sender, body.recipient) != (self._visit_id, sender, self._me):
            raise ForgedSignal("a signal for another visit or another device")
        if body.sequence <= self._heard.get(sender, -1):
            raise OldSignal(f"sequence {body.sequence}")
        self._heard[sender] = body.sequence
        return body
