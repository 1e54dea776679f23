"""Answers: a question becomes a task that searches, then answers with its sources."""

import time
from typing import Any

from app.db.chunks import Hit
from app.db.engine import Database
from app.domain.ids import new_task_id
from app.domain.tasks import NewTask, Progress, Queue, Task, TaskName
from app.ledger.submit import submit
from app.pipeline.answer import Quote, choose_quotes
from app.services.admission import Admission
from app.services.backpressure import Backpressure
from app.services.search import Search
from app.services.work import Outcome, Work

_NOTHING_FOUND = "The documents of this agent hold no answer to that."


class Answers:
    """Questions to an agent's documents."""

    def __init__(self, database: Database, admission: Admission, backpressure: Backpressure, search: Search) -> None:
        self._database = database
        self._admission = admission
        self._backpressure = backpressure
        self._search = search

    async def ask(self, organization_id: int, agent_id: int, question: str, top_k: int) -> Task:
        """Submit a question; its answer is the task's result.

        Raises:
            BacklogFullError: when the agent has too many tasks waiting.
        """
        await self._backpressure.check(agent_id)
        async with self._database.transaction() as connection:
            task = await submit(
                connection,
                NewTask(
                    id=new_task_id(),
                    organization_id=organization_id,
                    agent_id=agent_id,
                    name=TaskName.ANSWER_QUESTION,
                    queue=Queue.HIGH,
                    arguments={"question": question, "top_k": top_k},
                ),
            )
        self._admission.nudge(task.queue)
        return task

    async def answer(self, work: Work) -> Outcome:
        """Search, then quote the sentences that answer; ``mode`` says that no model had a hand in it."""
        began = time.monotonic()
        question = work.task.arguments["question"]
        await work.report(Progress("retrieval", 20, "Searching the documents"))
        hits = await self._search.find(work.task.agent_id, question, top_k=work.task.arguments["top_k"])
        await work.report(Progress("generate_answer", 50, f"Answering from {len(hits)} passages"))
        quotes = choose_quotes(question, [hit.text for hit in hits])
        result = {
            "answer": _compose(quotes),
            "references": [_refer(quote, hits[quote.passage]) for quote in quotes],
            "mode": "extractive",
            "processing_time": round(time.monotonic() - began, 4),
        }
        return Outcome(result, "Answered")


def _compose(quotes: list[Quote]) -> str:
    """The quotes with the numbers of their references."""
    cited = (f"{' '.join(quote.text.split())} [{number}]" for number, quote in enumerate(quotes, 1))
    return " ".join(cited) or _NOTHING_FOUND


def _refer(quote: Quote, hit: Hit) -> dict[str, Any]:
    return {
        "document_id": hit.document_id,
        "filename": hit.filename,
        "page": hit.page,
        "start": hit.start + quote.start,
        "end": hit.start + quote.end,
        "quote": quote.text,
    }
