"""Answers: a question is submitted as a task, which searches and then answers with citations."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from app.db.engine import Database
from app.db.search.ranking import Hit
from app.db.usage.records import record_usage
from app.domain.counting import count_of
from app.domain.filters import read_filters
from app.domain.identity import Access
from app.domain.tasks import ASKED_BY, ASKED_FILTER, NewTask, Progress, Queue, Task, TaskName, name_callback
from app.domain.usage import UsageKind, UsageRecord
from app.domain.vectors import Account
from app.ledger.submit import submit
from app.services.answers.conversation import Conversation
from app.services.answers.extractive import Extraction
from app.services.answers.generation import Generation, Usage
from app.services.answers.streams import AttemptSink, SentenceSink
from app.services.intake.backpressure import Backpressure
from app.services.queue.admission import Admission
from app.services.queue.attempts import Outcome, RunningAttempt
from app.services.search.search import Search


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as a client asks it.

    Attributes:
        question: The question, in any language.
        top_k: The largest number of passages that the answer is based on.
        where: A filter of the documents; see ``app.domain.filters``.
        history: What was said before, each ``{role, content}``, oldest first.
        callback_url: The URL that receives the end of the task, if any.
    """

    question: str
    top_k: int
    where: Mapping[str, Any] | None = None
    history: Sequence[Mapping[str, str]] = ()
    callback_url: str | None = None

    def as_arguments(self) -> dict[str, Any]:
        """The arguments of the task."""
        optional = {"filter": self.where, "history": list(self.history)}
        given = {name: value for name, value in optional.items() if value}
        return {"question": self.question, "top_k": self.top_k, **given, **name_callback(self.callback_url)}


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
        self._conversation = Conversation(generation)

    async def ask(self, access: Access, agent_id: int, asked: Asked) -> Task:
        """Submit a question to an agent. The answer becomes the task's result.

        The question of a key with a document filter keeps both, so that its answer cites only documents that match, and
        no other restricted key sees it.

        Raises:
            BacklogFullError: when the agent has too many tasks waiting.
            QuotaExceededError, BudgetExceededError: when a limit is used up.
            InvalidRequestError: when the filter has another form than ``app.domain.filters`` reads.
        """
        read_filters(asked.where)
        arguments = asked.as_arguments()
        if access.document_filter is not None:
            arguments |= {ASKED_BY: access.key_id, ASKED_FILTER: access.document_filter}
        async with (
            self._backpressure.admit(access.organization_id, agent_id),
            self._database.transaction() as connection,
        ):
            task = await submit(
                connection,
                NewTask(access.organization_id, agent_id, TaskName.ANSWER_QUESTION, Queue.HIGH, arguments=arguments),
            )
        self._admission.nudge(task.queue)
        return task

    async def answer(self, attempt: RunningAttempt) -> Outcome:
        """Search, then let the language model answer; without one, quote the sentences that answer the question.

        Raises:
            ProviderBusyError, ProviderPausedError, ProviderDownError, ProviderRequestError
        """
        began = time.monotonic()
        arguments, usage, sink = attempt.task.arguments, Usage(), AttemptSink(attempt)
        account = Account(attempt.task.organization_id, attempt.task.agent_id)
        await attempt.report(Progress("retrieval", 20, "Searching the documents"))
        await sink.restart()
        history = arguments.get("history", ())
        question = await self._conversation.rewrite(account, arguments["question"], history, usage)
        where = read_filters(arguments.get(ASKED_FILTER), arguments.get("filter"))
        hits = await self._search.find(account, question, top_k=arguments["top_k"], where=where)
        await attempt.report(Progress("generate_answer", 50, f"Answering from {count_of(len(hits), 'passage')}"))
        answer = await self.reply(account, question, hits, sink=sink, usage=usage)
        if history:
            answer["question"] = question
        result = {**answer, "processing_time": round(time.monotonic() - began, 4)}
        used = UsageRecord(
            account.organization_id, account.agent_id, UsageKind.QUESTION, task_id=attempt.task.id, questions=1
        )
        return Outcome(result, "Answered", apply=partial(record_usage, records=[used]))

    async def reply(
        self,
        account: Account,
        question: str,
        hits: Sequence[Hit],
        *,
        sink: SentenceSink | None = None,
        usage: Usage | None = None,
    ) -> dict[str, Any]:
        """Answer from the hits of a search; the errors are those of ``answer``.

        Args:
            account: The tenant that usage is charged to.
            question: The question, complete in itself.
            hits: The hits.
            sink: Receives the sentences of the answer as they are released.
            usage: The usage so far, to which this one is added.
        """
        if self._generation and hits:
            return await self._generation.answer(account, question, hits, sink, usage)
        return await self._extraction.answer(account, question, hits, sink)
