"""Add the retired secrets of API keys."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261130_07"
down_revision = "20261130_09"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A migration that has to wait for a lock gives up, rather than block every other statement on the table.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column(
        "api_keys",
        sa.Column(
            "retired_hashes", postgresql.ARRAY(postgresql.BYTEA()), server_default=sa.text("'{}'"), nullable=False
        ),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_column("api_keys", "retired_hashes")
