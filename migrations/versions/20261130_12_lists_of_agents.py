"""Add the rows of lists of agents."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261130_12"
down_revision = "20261130_15"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A migration that has to wait for a lock gives up, rather than block every other statement on the table.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "agent_rows",
        sa.Column("task_id", sa.UUID(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("slug", sa.Text(), nullable=True),
        sa.Column("settings", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("urls", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("metadata", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("agent_id", sa.BigInteger(), nullable=True),
        sa.Column("error", postgresql.JSONB(), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('created', 'updated', 'skipped', 'failed')", name=op.f("agent_rows_outcome_check")
        ),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("agent_rows_task_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task_id", "line", name=op.f("agent_rows_pkey")),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("agent_rows")
