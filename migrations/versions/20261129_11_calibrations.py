"""Add the table of calibrations: how words and meaning share the score of searches, by index and agent."""

import sqlalchemy as sa
from alembic import op

revision = "20261129_11"
down_revision = "20261129_12"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A migration that has to wait for a lock gives up, rather than block every other statement on the table.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "calibrations",
        sa.Column("index_id", sa.BigInteger(), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("chunk_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("words", sa.Double(), nullable=True),
        sa.Column("doubt", sa.Double(), nullable=True),
        sa.Column("due_again_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["index_id"], ["vector_indexes.id"], name=op.f("calibrations_index_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("index_id", "agent_id", name=op.f("calibrations_pkey")),
    )
    op.execute("INSERT INTO chores (name) VALUES ('calibrate')")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DELETE FROM chores WHERE name = 'calibrate'")
    op.drop_table("calibrations")
