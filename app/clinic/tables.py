"""What the service keeps: identifiers, public keys, times, sizes and ciphertext."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC on every database (SQLite keeps no zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time needs its zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        stamp: datetime = value
        return stamp.replace(tzinfo=UTC) if stamp.tzinfo is None else stamp.astimezone(UTC)


class Base(DeclarativeBase):
    type_annotation_map = {datetime: UtcDateTime, bytes: LargeBinary, str: String}  # noqa: RUF012 - SQLAlchemy's form


class InvitationRow(Base):
    """`first` marks the code `init` printed: its device alone is given the wrapped root key."""

    __tablename__ = "invitations"
    invitation_id: Mapped[str] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    role: Mapped[str]
    sealed_label: Mapped[bytes | None]
    expires_at: Mapped[datetime]
    first: Mapped[bool] = mapped_column(default=False)
    used_by: Mapped[str | None]


class DeviceEntry(Base):
    __tablename__ = "devices"
    device_id: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str] = mapped_column(index=True)
    ed25519: Mapped[bytes]
    age_recipient: Mapped[str]
    binding: Mapped[bytes]
    invitation_id: Mapped[str | None] = mapped_column(ForeignKey("invitations.invitation_id"))
    enrolled_at: Mapped[datetime]
    record_payload: Mapped[bytes | None]
    record_signature: Mapped[bytes | None]


class RootCopy(Base):
    """The root key under the first provider's code; erased as soon as that device says it has it."""

    __tablename__ = "root_copy"
    number: Mapped[int] = mapped_column(primary_key=True)
    wrapped: Mapped[bytes]


class TeamEntry(Base):
    __tablename__ = "care_team"
    version: Mapped[int] = mapped_column(primary_key=True)
    payload: Mapped[bytes]
    signature: Mapped[bytes]


class AccessToken(Base):
    __tablename__ = "access_tokens"
    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("devices.device_id"), index=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class SpentNonce(Base):
    __tablename__ = "spent_nonces"
    nonce_hash: Mapped[bytes] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class VisitEntry(Base):
    __tablename__ = "visits"
    visit_id: Mapped[str] = mapped_column(primary_key=True)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime] = mapped_column(index=True)
    minutes: Mapped[int]
    sealed: Mapped[bytes]
    participants: Mapped[list[ParticipantEntry]] = relationship(
        order_by="ParticipantEntry.position", cascade="all, delete-orphan", lazy="selectin"
    )


class ParticipantEntry(Base):
    __tablename__ = "participants"
    visit_id: Mapped[str] = mapped_column(ForeignKey("visits.visit_id", ondelete="CASCADE"), primary_key=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("devices.device_id"), primary_key=True, index=True)
    position: Mapped[int]


class SubmissionEntry(Base):
    """`opened_*` is the first provider's signed word that a person has opened it; `withdrawn_*` the sender's that it
    is taken back: never both. A withdrawn one stays as a tombstone (`count` 0 when nothing of it had come), and
    `erased_at` says that the bytes of its blobs are gone from the disk."""

    __tablename__ = "submissions"
    submission: Mapped[str] = mapped_column(primary_key=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("devices.device_id"), index=True)
    count: Mapped[int]
    created_at: Mapped[datetime]
    completed_at: Mapped[datetime | None] = mapped_column(index=True)
    opened_by: Mapped[str | None]
    opened_payload: Mapped[bytes | None]
    opened_signature: Mapped[bytes | None]
    withdrawn_at: Mapped[datetime | None] = mapped_column(index=True)
    withdrawn_payload: Mapped[bytes | None]
    withdrawn_signature: Mapped[bytes | None]
    erased_at: Mapped[datetime | None]
    uploads: Mapped[list[UploadEntry]] = relationship(order_by="UploadEntry.created_at", lazy="selectin")


class UploadEntry(Base):
    """`synced` is the upload's offset: the bytes that are on disk and synced, never more. `moved_at`: when it last
    went on (or began); an unfinished one is swept so long after it."""

    __tablename__ = "uploads"
    __table_args__ = (UniqueConstraint("submission", "blob"),)
    upload_id: Mapped[str] = mapped_column(primary_key=True)
    submission: Mapped[str] = mapped_column(ForeignKey("submissions.submission"), index=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("devices.device_id"), index=True)
    blob: Mapped[str]
    part: Mapped[str]
    sha256: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    synced: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[datetime]
    moved_at: Mapped[datetime | None] = mapped_column(index=True)
    receipt_payload: Mapped[bytes | None]
    receipt_signature: Mapped[bytes | None]


class ReplyEntry(Base):
    """A provider's sealed answer. `number` counts up in the order of the commits; `receipt_*` is the last word of the
    device it went to."""

    __tablename__ = "replies"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    reply: Mapped[str] = mapped_column(unique=True)
    submission: Mapped[str] = mapped_column(ForeignKey("submissions.submission"), index=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("devices.device_id"), index=True)
    sealed: Mapped[bytes]
    created_at: Mapped[datetime]
    receipt_by: Mapped[str | None]
    receipt_payload: Mapped[bytes | None]
    receipt_signature: Mapped[bytes | None]
    read: Mapped[bool] = mapped_column(default=False)


class FormSetEntry(Base):
    __tablename__ = "form_sets"
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    payload: Mapped[bytes]
    signature: Mapped[bytes]


class FormEntryRow(Base):
    """A questionnaire by its SHA-256; `named` by a set that the root has signed."""

    __tablename__ = "forms"
    sha256: Mapped[str] = mapped_column(primary_key=True)
    body: Mapped[bytes]
    named: Mapped[bool] = mapped_column(default=False)
