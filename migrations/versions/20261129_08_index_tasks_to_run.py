"""Index the tasks that read a page, and the waiting tasks that read none, which an admission finds without the others.

Concurrently, so that uploads and tasks go on. An interrupted run leaves an invalid index, which the next run replaces.
The former version uses ``tasks_waiting_idx``, which stays.
"""

from alembic import op

revision = "20261129_08"
down_revision = "20261129_07"
branch_labels = None
depends_on = None

_WAITS = "state IN ('PENDING', 'RETRY')"
_INDEXES = {
    "tasks_to_fetch_idx": f"tasks (queue, agent_id, available_at, id) WHERE {_WAITS} AND fetch_host IS NOT NULL",
    "tasks_fetching_idx": (
        "tasks (queue, agent_id) WHERE state IN ('QUEUED', 'STARTED', 'PROGRESS') AND fetch_host IS NOT NULL"
    ),
    "tasks_to_run_idx": f"tasks (queue, agent_id, available_at, id) WHERE {_WAITS} AND fetch_host IS NULL",
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, definition in _INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {definition}")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(f"DROP INDEX IF EXISTS {', '.join(_INDEXES)}")
