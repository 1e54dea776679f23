"""Answers: a question is submitted as a task, which searches and then answers with citations."""

import time
from collections.abc import Sequence
from typing import Any

from app.db.engine import Database
from app.db.ranking import Hit
from app.domain.counting import count_of
from app.domain.tasks import NewTask, Progress, Queue, Task, TaskName
from app.domain.vectors import Account
from app.ledger.submit import submit
from app.services.answers.extractive import Extraction
from app.services.answers.generation import Generation
from app.services.answers.search import Search
from app.services.intake.backpressure import Backpressure
from app.services.queue.admission import Admission
from app.services.queue.attempts import Outcome, RunningAttempt


class Answers:
    """Answers questions from an agent's documents."""

    def __init__(
        self,
        database: Database,
        admission: Admission,
        backpressure: Backpressure,
        search: Search,
        extraction: Extraction,
        generation: Generation | None,
    ) -> None:
        self._database = database
        self._admission = admission
        self._backpressure = backpressure
        self._search = search
        self._extraction = extraction
        self._generation = generation

    async def ask(self, organization_id: int, agent_id: int, question: str, top_k: int) -> Task:
        """Submit a question. The answer becomes the task's result.

        Args:
            organization_id: The agent's organization.
            agent_id: The agent whose documents are searched.
            question: The question, in any language.
            top_k: The largest number of passages that the answer is based on.

        Raises:
            BacklogFullError: when the agent has too many tasks waiting.
        """
        await self._backpressure.check(agent_id)
        async with self._database.transaction() as connection:
            task = await submit(
                connection,
                NewTask(
                    organization_id,
                    agent_id,
                    TaskName.ANSWER_QUESTION,
                    Queue.HIGH,
                    arguments={"question": question, "top_k": top_k},
                ),
            )
        self._admission.nudge(task.queue)
        return task

    async def answer(self, attempt: RunningAttempt) -> Outcome:
        """Search, then let the language model answer; without one, quote the sentences that answer the question.

        Raises:
            ProviderBusyError, ProviderPausedError, ProviderDownError, ProviderRequestError
        """
        began = time.monotonic()
        question = attempt.task.arguments["question"]
        account = Account(attempt.task.organization_id, attempt.task.agent_id)
        await attempt.report(Progress("retrieval", 20, "Searching the documents"))
        hits = await self._search.find(account, question, top_k=attempt.task.arguments["top_k"])
        await attempt.report(Progress("generate_answer", 50, f"Answering from {count_of(len(hits), 'passage')}"))
        answer = await self.reply(account, question, hits)
        return Outcome({**answer, "processing_time": round(time.monotonic() - began, 4)}, "Answered")

    async def reply(self, account: Account, question: str, hits: Sequence[Hit]) -> dict[str, Any]:
        """Answer from the hits of a search; the errors are those of ``answer``."""
        writer = self._generation if self._generation and hits else self._extraction
        return await writer.answer(account, question, hits)
