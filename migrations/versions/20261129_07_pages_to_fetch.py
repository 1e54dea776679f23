"""Web pages that wait for their servers: the host of each. The next migration adds the indexes.

The former version ignores the column and admits such tasks like others. The tasks it submits have no host and are
admitted like others too.
"""

import sqlalchemy as sa
from alembic import op

revision = "20261129_07"
down_revision = "20261129_06"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("tasks", sa.Column("fetch_host", sa.Text(), nullable=True))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_column("tasks", "fetch_host")
