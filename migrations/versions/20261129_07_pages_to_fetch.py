"""Web pages that wait for their servers: the host of each, and indexes of the tasks that read one.

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
    # Not CONCURRENTLY: no row has a host yet, so each index is empty, and takes one scan of the table.
    op.create_index(
        "tasks_to_fetch_idx",
        "tasks",
        ["queue", "agent_id", "available_at", "id"],
        postgresql_where=sa.text("state IN ('PENDING', 'RETRY') AND fetch_host IS NOT NULL"),
    )
    op.create_index(
        "tasks_fetching_idx",
        "tasks",
        ["queue", "agent_id"],
        postgresql_where=sa.text("state IN ('QUEUED', 'STARTED', 'PROGRESS') AND fetch_host IS NOT NULL"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_index("tasks_fetching_idx", "tasks")
    op.drop_index("tasks_to_fetch_idx", "tasks")
    op.drop_column("tasks", "fetch_host")
