"""Check the existing tasks against the constraints of the former migration.

In a transaction of its own: the scan runs beside reads and writes, which the lock of the former one would block.

Versions before this one left a parent that had failed for good a dead letter when one of its children ran again.
"""

from alembic import op

revision = "20261129_02"
down_revision = "20261129_01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(
        "UPDATE tasks SET dead_lettered_at = NULL, announced_at = NULL "
        "WHERE dead_lettered_at IS NOT NULL AND state <> 'FAILURE'"
    )
    names = ("worker", "pid", "completed", "dead_letter", "attempt", "history")
    op.execute("ALTER TABLE tasks " + ", ".join(f"VALIDATE CONSTRAINT tasks_{name}_check" for name in names))


def downgrade() -> None:
    """Nothing to undo: PostgreSQL enforces a constraint on changes whether or not it is validated."""
