"""The history of dead letters, work stealing, stored backlogs, and chores that one process does at a time."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261124_01"
down_revision = "20261123_01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "chores",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("name", name="chores_pkey"),
    )
    op.execute("INSERT INTO chores (name) VALUES ('announce'), ('count'), ('forget')")
    op.add_column("queues", sa.Column("waiting", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.add_column("queues", sa.Column("delayed", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.add_column("queues", sa.Column("oldest_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("tasks", sa.Column("helper", sa.Text(), nullable=True))
    op.add_column("tasks", sa.Column("history", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False))
    op.add_column("tasks", sa.Column("announced_at", sa.DateTime(timezone=True), nullable=True))
    # For tasks that failed before this version no alert is published.
    op.execute("UPDATE tasks SET announced_at = dead_lettered_at WHERE dead_lettered_at IS NOT NULL")
    op.create_index(
        "tasks_unannounced_idx",
        "tasks",
        ["dead_lettered_at"],
        unique=False,
        postgresql_where="dead_lettered_at IS NOT NULL AND announced_at IS NULL",
    )
    op.create_index(
        "tasks_completed_at_idx", "tasks", ["completed_at"], unique=False, postgresql_where="completed_at IS NOT NULL"
    )
    op.create_index("agents_capped_idx", "agents", ["id"], unique=False, postgresql_where="max_in_flight IS NOT NULL")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_index("agents_capped_idx", table_name="agents")
    op.drop_index("tasks_completed_at_idx", table_name="tasks")
    op.drop_index("tasks_unannounced_idx", table_name="tasks")
    for column in ("announced_at", "history", "helper"):
        op.drop_column("tasks", column)
    for column in ("oldest_at", "delayed", "waiting"):
        op.drop_column("queues", column)
    op.drop_table("chores")
