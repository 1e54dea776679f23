"""Index the waiting tasks that read no page, so that an admission does not step over those that wait for a server.

Concurrently, so that uploads and tasks go on. An interrupted run leaves an invalid index, which the next run replaces.
The former version uses ``tasks_waiting_idx``, which stays.
"""

from alembic import op

revision = "20261129_08"
down_revision = "20261129_07"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS tasks_to_run_idx")
        op.execute(
            "CREATE INDEX CONCURRENTLY tasks_to_run_idx ON tasks (queue, agent_id, available_at, id) "
            "WHERE state IN ('PENDING', 'RETRY') AND fetch_host IS NULL"
        )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DROP INDEX IF EXISTS tasks_to_run_idx")
