"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    _trust()
    _visits()
    _intake()


def _trust() -> None:
    op.create_table(
        "invitations",
        sa.Column("invitation_id", sa.String(), primary_key=True),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False, unique=True),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("sealed_label", sa.LargeBinary()),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("first", sa.Boolean(), nullable=False),
        sa.Column("used_by", sa.String()),
    )
    op.create_table(
        "devices",
        sa.Column("device_id", sa.String(), primary_key=True),
        sa.Column("role", sa.String(), nullable=False, index=True),
        sa.Column("ed25519", sa.LargeBinary(), nullable=False),
        sa.Column("age_recipient", sa.String(), nullable=False),
        sa.Column("binding", sa.LargeBinary(), nullable=False),
        sa.Column("invitation_id", sa.String(), sa.ForeignKey("invitations.invitation_id")),
        sa.Column("enrolled_at", _TIME, nullable=False),
        sa.Column("record_payload", sa.LargeBinary()),
        sa.Column("record_signature", sa.LargeBinary()),
    )
    op.create_table(
        "root_copy",
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "care_team",
        sa.Column("version", sa.Integer(), primary_key=True),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "access_tokens",
        sa.Column("token_hash", sa.LargeBinary(), primary_key=True),
        sa.Column("device_id", sa.String(), sa.ForeignKey("devices.device_id"), nullable=False, index=True),
        sa.Column("expires_at", _TIME, nullable=False, index=True),
    )
    op.create_table(
        "spent_nonces",
        sa.Column("nonce_hash", sa.LargeBinary(), primary_key=True),
        sa.Column("expires_at", _TIME, nullable=False, index=True),
    )


def _visits() -> None:
    op.create_table(
        "visits",
        sa.Column("visit_id", sa.String(), primary_key=True),
        sa.Column("starts_at", _TIME, nullable=False),
        sa.Column("ends_at", _TIME, nullable=False, index=True),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "participants",
        sa.Column("visit_id", sa.String(), sa.ForeignKey("visits.visit_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("device_id", sa.String(), sa.ForeignKey("devices.device_id"), primary_key=True, index=True),
        sa.Column("position", sa.Integer(), nullable=False),
    )


def _intake() -> None:
    op.create_table(
        "submissions",
        sa.Column("submission", sa.String(), primary_key=True),
        sa.Column("device_id", sa.String(), sa.ForeignKey("devices.device_id"), nullable=False, index=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("completed_at", _TIME, index=True),
        sa.Column("opened_by", sa.String()),
        sa.Column("opened_payload", sa.LargeBinary()),
        sa.Column("opened_signature", sa.LargeBinary()),
    )
    op.create_table(
        "uploads",
        sa.Column("upload_id", sa.String(), primary_key=True),
        sa.Column("submission", sa.String(), sa.ForeignKey("submissions.submission"), nullable=False, index=True),
        sa.Column("device_id", sa.String(), sa.ForeignKey("devices.device_id"), nullable=False, index=True),
        sa.Column("blob", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("synced", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("receipt_payload", sa.LargeBinary()),
        sa.Column("receipt_signature", sa.LargeBinary()),
        sa.UniqueConstraint("submission", "blob"),
    )


def downgrade() -> None:
    for table in (
        "uploads",
        "submissions",
        "participants",
        "visits",
        "spent_nonces",
        "access_tokens",
        "care_team",
        "root_copy",
        "devices",
        "invitations",
    ):
        op.drop_table(table)
