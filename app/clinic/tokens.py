"""Signing in: a device signs a nonce and is given a bearer token (RFC 6750) for ten minutes.

A challenge is not stored: the nonce carries its own expiry and this service's HMAC, so that a flood of requests
costs no memory and pushes out nobody's challenge. Only a nonce that was used with a good signature is kept, until
it expires: that makes it single use, with no more entries than the enrolled devices make.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.clinic.database import Database
from app.clinic.problems import Refusal
from app.clinic.tables import AccessToken, DeviceEntry, SpentNonce, TeamEntry
from app.wire.errors import ErrorCode
from app.wire.signed import Context, SignatureError, verify_bytes
from app.wire.trust import CareTeamList, Role, TokenRequest, TokenResult

_EXPIRY_BYTES = 8
_RANDOM_BYTES = 16
_TAG_BYTES = 32
_MAX_TOKENS_PER_DEVICE = 16


@dataclass(frozen=True)
class Actor:
    """The device that asks, as its token says."""

    device_id: str
    role: Role


def new_nonce(key: bytes, device_id: str, now: datetime, life_s: float) -> bytes:
    """Expiry (8 bytes, ms since 1970), 16 random bytes, HMAC-SHA256 over both and the device: 56 bytes."""
    expiry = int((now.timestamp() + life_s) * 1000).to_bytes(_EXPIRY_BYTES, "big")
    body = expiry + secrets.token_bytes(_RANDOM_BYTES)
    return body + _tag(key, body, device_id)


def nonce_expiry(key: bytes, nonce: bytes, device_id: str, now: datetime) -> float | None:
    """When this nonce of ours for this device expires (s since 1970); None when it is not one or has expired."""
    body, tag = nonce[:-_TAG_BYTES], nonce[-_TAG_BYTES:]
    if len(body) != _EXPIRY_BYTES + _RANDOM_BYTES or not hmac.compare_digest(tag, _tag(key, body, device_id)):
        return None
    expiry = int.from_bytes(body[:_EXPIRY_BYTES], "big") / 1000
    return expiry if now.timestamp() < expiry else None


def _tag(key: bytes, body: bytes, device_id: str) -> bytes:
    return hmac.digest(key, body + device_id.encode(), "sha256")


def issue(database: Database, key: bytes, request: TokenRequest, now: datetime, life_s: int) -> TokenResult:
    """A token for a signed nonce; raises :class:`Refusal` TOKEN_INVALID, whatever it was that did not hold."""
    refusal = Refusal(ErrorCode.TOKEN_INVALID, "the challenge or its signature does not hold")
    expiry = nonce_expiry(key, request.nonce, request.device_id, now)
    if expiry is None:
        raise refusal
    token = secrets.token_urlsafe(32)
    spent = _digest(request.nonce)
    with database.writing() as session:
        device = session.get(DeviceEntry, request.device_id)
        if device is None:
            raise refusal
        try:
            verify_bytes(request.nonce, request.signature, Context.TOKEN, device.ed25519)
        except SignatureError:
            raise refusal from None
        if _retired(session, device):
            raise Refusal(ErrorCode.TOKEN_INVALID, "this device was taken off the care team")
        session.execute(delete(SpentNonce).where(SpentNonce.expires_at <= now))
        session.execute(delete(AccessToken).where(AccessToken.expires_at <= now))
        if session.get(SpentNonce, spent) is not None:
            raise refusal
        session.add(SpentNonce(nonce_hash=spent, expires_at=datetime.fromtimestamp(expiry, tz=now.tzinfo)))
        mine = select(AccessToken.token_hash).where(AccessToken.device_id == request.device_id)
        old = session.scalars(mine.order_by(AccessToken.expires_at.desc()).offset(_MAX_TOKENS_PER_DEVICE - 1)).all()
        session.execute(delete(AccessToken).where(AccessToken.token_hash.in_(old)))
        session.add(
            AccessToken(
                token_hash=_digest(token.encode()),
                device_id=request.device_id,
                expires_at=now + timedelta(seconds=life_s),
            )
        )
    return TokenResult(token=token, expires_in=life_s)


def _retired(session: Session, device: DeviceEntry) -> bool:
    """Whether it stood on an older list of the care team and is not on the newest. One that never stood on any is
    new: it may sign in, so that it can be vouched for. The lists were checked against the root when they came."""
    if device.role != Role.PROVIDER.value:
        return False
    payloads = session.scalars(select(TeamEntry.payload).order_by(TeamEntry.version.desc())).all()
    lists = (CareTeamList.model_validate_json(payload) for payload in payloads)
    on = (any(member.device_id == device.device_id for member in team.members) for team in lists)
    return not next(on, True) and any(on)


def forget_tokens(session: Session, devices: Collection[str]) -> None:
    """What these devices signed in with is worth nothing from now on."""
    session.execute(delete(AccessToken).where(AccessToken.device_id.in_(devices)))


def actor_of(database: Database, token: str, now: datetime) -> Actor:
    """Whose token this is; raises :class:`Refusal` TOKEN_INVALID."""
    query = (
        select(DeviceEntry.device_id, DeviceEntry.role)
        .join(AccessToken, AccessToken.device_id == DeviceEntry.device_id)
        .where(AccessToken.token_hash == _digest(token.encode()), AccessToken.expires_at > now)
    )
    with database.reading() as session:
        row = session.execute(query).one_or_none()
    if row is None:
        raise Refusal(ErrorCode.TOKEN_INVALID, headers={"WWW-Authenticate": "Bearer"})
    return Actor(row.device_id, Role(row.role))


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
