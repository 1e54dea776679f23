"""Add the tables of how tasks ended and how long their stages took, by hour."""

import sqlalchemy as sa
from alembic import op

revision = "20261130_15"
down_revision = "20261130_07"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A migration that has to wait for a lock gives up, rather than block every other statement on the table.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "task_hours",
        sa.Column("organization_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "hour", "agent_id", "state", "code", name=op.f("task_hours_pkey")),
    )
    op.create_index("task_hours_hour_idx", "task_hours", ["hour"], unique=False)
    op.create_table(
        "stage_hours",
        sa.Column("organization_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("bucket", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "hour", "agent_id", "stage", "bucket", name=op.f("stage_hours_pkey")
        ),
    )
    op.create_index("stage_hours_hour_idx", "stage_hours", ["hour"], unique=False)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("stage_hours")
    op.drop_table("task_hours")
