"""The scope that a key needs to receive a stored response. Null in rows of the former version: as for a write."""

import sqlalchemy as sa
from alembic import op

revision = "20261129_04"
down_revision = "20261129_03"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("idempotency_keys", sa.Column("scope", sa.Text(), nullable=True))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_column("idempotency_keys", "scope")
