"""What holds of every row of ``tasks`` by itself: the table's CHECK constraints, by name.

Invariants over several rows, or over the order of changes, are checked by ``tests/ledger/invariants.py``.
"""

from app.db.tables.columns import write_choice
from app.domain.states import FINAL, RUNNING, State
from app.domain.tasks import HISTORY_LENGTH

_IS_RUNNING = write_choice("state", RUNNING)
_IS_FINAL = write_choice("state", FINAL)

TASK_INVARIANTS = {
    "state": write_choice("state", State),
    # A worker and one of its processes run a task exactly while it is in a running state.
    "worker": f"(worker_id IS NOT NULL) = ({_IS_RUNNING})",
    "pid": f"(pid IS NOT NULL) = ({_IS_RUNNING})",
    "completed": f"(completed_at IS NOT NULL) = ({_IS_FINAL})",
    "dead_letter": f"dead_lettered_at IS NULL OR state = '{State.FAILURE}'",
    # Each retry and each crash ends an attempt.
    "attempt": "attempt >= retries + crashes",
    "history": f"jsonb_array_length(history) <= {HISTORY_LENGTH}",
}
