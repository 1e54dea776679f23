"""Record which workers take further tasks without a message."""

import sqlalchemy as sa
from alembic import op

revision = "20261130_05"
down_revision = "20261129_11"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("workers", sa.Column("continues", sa.Boolean(), server_default=sa.text("false"), nullable=False))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_column("workers", "continues")
