"""Index the tasks that read a page, and the waiting tasks that read none, which an admission finds without the others.

A task that must read a page names its host in its arguments, and not in a column of its own: the statements of the
former version fail on a column of tasks that it does not declare. That version admits such tasks like others, and the
tasks that it submits name no host.

Concurrently, so that uploads and tasks go on. An interrupted run leaves an invalid index, which the next run replaces.
"""

from alembic import op

revision = "20261129_07"
down_revision = "20261129_06"
branch_labels = None
depends_on = None

_WAITS = "state IN ('PENDING', 'RETRY')"
_READS_PAGE = "arguments ? 'fetch_host'"
_INDEXES = {
    "tasks_to_fetch_idx": f"tasks (queue, agent_id, available_at, id) WHERE {_WAITS} AND {_READS_PAGE}",
    "tasks_fetching_idx": (
        f"tasks (queue, agent_id) WHERE state IN ('QUEUED', 'STARTED', 'PROGRESS') AND {_READS_PAGE}"
    ),
    "tasks_to_run_idx": f"tasks (queue, agent_id, available_at, id) WHERE {_WAITS} AND NOT {_READS_PAGE}",
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, definition in _INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {definition}")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(f"DROP INDEX IF EXISTS {', '.join(_INDEXES)}")
