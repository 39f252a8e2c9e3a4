"""Withdrawals, replies, forms, and when an upload last went on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


_WITHDRAWN = (
    ("withdrawn_at", _TIME),
    ("withdrawn_payload", sa.LargeBinary()),
    ("withdrawn_signature", sa.LargeBinary()),
    ("erased_at", _TIME),
)


def upgrade() -> None:
    for name, kind in _WITHDRAWN:
        op.add_column("submissions", sa.Column(name, kind))
    op.create_index("ix_submissions_withdrawn_at", "submissions", ["withdrawn_at"])
    op.add_column("uploads", sa.Column("moved_at", _TIME))
    op.create_index("ix_uploads_moved_at", "uploads", ["moved_at"])
    # What is unfinished now has a whole life before it from its beginning on.
    op.execute(sa.text("UPDATE uploads SET moved_at = created_at"))
    _replies()
    _forms()


def _replies() -> None:
    op.create_table(
        "replies",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("reply", sa.String(), nullable=False, unique=True),
        sa.Column("submission", sa.String(), sa.ForeignKey("submissions.submission"), nullable=False, index=True),
        sa.Column("device_id", sa.String(), sa.ForeignKey("devices.device_id"), nullable=False, index=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("receipt_by", sa.String()),
        sa.Column("receipt_payload", sa.LargeBinary()),
        sa.Column("receipt_signature", sa.LargeBinary()),
        sa.Column("read", sa.Boolean(), nullable=False),
    )


def _forms() -> None:
    op.create_table(
        "form_sets",
        sa.Column("version", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "forms",
        sa.Column("sha256", sa.String(), primary_key=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("named", sa.Boolean(), nullable=False),
    )


def downgrade() -> None:
    for name in ("forms", "form_sets", "replies"):
        op.drop_table(name)
    op.drop_index("ix_uploads_moved_at", "uploads")
    op.drop_column("uploads", "moved_at")
    op.drop_index("ix_submissions_withdrawn_at", "submissions")
    for name, _kind in reversed(_WITHDRAWN):
        op.drop_column("submissions", name)
