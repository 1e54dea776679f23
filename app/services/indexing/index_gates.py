"""Gates: a new index becomes active only after a task has compared it with the active one.

The task evaluates searches, which are in packages above this one. So this module only submits the task, and reads the
decision from the table ``index_gates``, where the task writes it.
"""

import structlog

from app.db.engine import Database
from app.db.evaluations.question_sets import get_question_set
from app.db.vectors.gates import decide_gate, get_gate, record_gate_task
from app.domain.tasks import NewTask, Queue, TaskName
from app.domain.vectors import VectorIndex
from app.ledger.submit import submit
from app.services.queue.admission import Admission

log = structlog.get_logger()


class IndexGates:
    """Has gates decided."""

    def __init__(self, database: Database, admission: Admission) -> None:
        self._database = database
        self._admission = admission

    async def is_decided(self, index: VectorIndex) -> bool:
        """Whether a complete index has no gate, or a decision. Otherwise a task that decides is submitted, once."""
        async with self._database.transaction() as connection:
            gate = await get_gate(connection, index.id, lock=True)
            if gate is None or gate.accepted is not None:
                return True
            questions = gate.question_set_id and await get_question_set(connection, gate.question_set_id)
            if not questions:
                reason = "The question set was deleted before the new index was evaluated."
                await decide_gate(connection, index.id, accepted=False, reason=reason)
                return True
            if gate.task_id is not None:
                return False
            new = NewTask(
                questions.organization_id,
                questions.agent_id,
                TaskName.DECIDE_INDEX,
                Queue.LOW,
                arguments={"index_id": index.id},
            )
            await record_gate_task(connection, index.id, (await submit(connection, new)).id)
        log.info("index_waits_for_evaluation", index=index.id, question_set=gate.question_set_id)
        self._admission.nudge(Queue.LOW)
        return False
