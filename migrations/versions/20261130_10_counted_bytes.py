"""Add the bytes that usage counts for each document."""

import sqlalchemy as sa
from alembic import op

revision = "20261130_10"
down_revision = "20261130_11"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A migration that has to wait for a lock gives up, rather than block every other statement on the table.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("documents", sa.Column("counted_bytes", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_column("documents", "counted_bytes")
