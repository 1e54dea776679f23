"""The invariants of a task's row as CHECK constraints, which new and changed rows must meet.

NOT VALID, so that the table is locked for a moment and not scanned. The next migration checks the existing rows.
"""

from alembic import op

revision = "20261129_01"
down_revision = "20261125_03"
branch_labels = None
depends_on = None

_RUNNING = "state IN ('STARTED', 'PROGRESS')"
_FINAL = "state IN ('SUCCESS', 'FAILURE', 'REVOKED')"
_INVARIANTS = {
    "tasks_worker_check": f"(worker_id IS NOT NULL) = ({_RUNNING})",
    "tasks_pid_check": f"(pid IS NOT NULL) = ({_RUNNING})",
    "tasks_completed_check": f"(completed_at IS NOT NULL) = ({_FINAL})",
    "tasks_dead_letter_check": "dead_lettered_at IS NULL OR state = 'FAILURE'",
    "tasks_attempt_check": "attempt >= retries + crashes",
    "tasks_history_check": "jsonb_array_length(history) <= 20",
}
_STATUS_CHECK_BEFORE = "documents_documents_status_check_check"  # the naming convention was applied twice


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    added = ", ".join(f"ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID" for name, condition in _INVARIANTS.items())
    op.execute(f"ALTER TABLE tasks {added}")
    op.execute(f"ALTER TABLE documents RENAME CONSTRAINT {_STATUS_CHECK_BEFORE} TO documents_status_check")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(f"ALTER TABLE documents RENAME CONSTRAINT documents_status_check TO {_STATUS_CHECK_BEFORE}")
    op.execute("ALTER TABLE tasks " + ", ".join(f"DROP CONSTRAINT {name}" for name in _INVARIANTS))
