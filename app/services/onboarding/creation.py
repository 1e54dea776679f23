"""Creates the agents of rows, and submits the web pages that become their documents, in one transaction a batch."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database
from app.db.onboarding.agents import add_agents, change_agents, find_existing
from app.db.onboarding.rows import RowState, list_waiting, write_outcomes
from app.domain.agents import OVERLAP_RULE, fits_overlap
from app.domain.errors import TransactionConflictError
from app.domain.limits import Need
from app.domain.onboarding import AgentRow, ImportOptions, OnExisting, RowCode, RowError, RowOutcome
from app.domain.records import Agent, AgentSettings
from app.domain.tasks import Queue, Task
from app.ledger.submit import Submission, adopt, submit_with_documents
from app.services.intake.backpressure import Backpressure
from app.services.intake.webpages import PageRequest, make_submission
from app.services.queue.attempts import Outcome, RunningAttempt

_PAGES = 500
"""The web pages of one statement."""
_WITH_PAGES = {RowOutcome.CREATED, RowOutcome.UPDATED}
"""The outcomes of rows whose pages are submitted."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to become of a row. ``settings`` are those that a changed agent will have."""

    row: AgentRow
    outcome: RowOutcome
    agent_id: int | None = None
    settings: AgentSettings | None = None
    error: RowError | None = None

    @property
    def state(self) -> RowState:
        """What is stored of it."""
        return RowState(self.row.line, self.outcome, self.agent_id, self.error)


def read_options(task: Task) -> ImportOptions:
    """The options of an import, from the arguments of its task or of one of its parts."""
    given = task.arguments["options"]
    return ImportOptions(given["atomic"], given["dry_run"], OnExisting(given["on_duplicate"]))


def decide(row: AgentRow, existing: Agent | None, policy: OnExisting) -> Decision:
    """What is to become of a row, by the agent that has its slug."""
    if existing is None:
        return Decision(row, RowOutcome.CREATED)
    if policy is OnExisting.UPDATE:
        settings = replace(existing.settings, **(row.settings or {}))
        if fits_overlap(settings.chunk_size, settings.chunk_overlap):
            return Decision(row, RowOutcome.UPDATED, existing.id, settings)
        wrong = RowError("chunk_overlap", RowCode.SETTING_INVALID, OVERLAP_RULE, str(settings.chunk_overlap))
        return Decision(row, RowOutcome.FAILED, existing.id, error=wrong)
    taken = RowError("slug", RowCode.SLUG_TAKEN, f"Agent {existing.id} has this slug.", row.slug)
    outcome = RowOutcome.SKIPPED if policy is OnExisting.SKIP else RowOutcome.FAILED
    return Decision(row, outcome, existing.id, error=taken)


class AgentCreation:
    """Creates the agents of one part of a list.

    All of it is one transaction, which also ends the attempt: a worker that is killed has created none, and the next
    attempt creates each agent once.
    """

    def __init__(self, database: Database, backpressure: Backpressure) -> None:
        self._database = database
        self._backpressure = backpressure

    async def create(self, attempt: RunningAttempt) -> Outcome:
        """Create the agents of the rows from the line ``first`` to ``last`` of the parent's list.

        Raises:
            QuotaExceededError, BudgetExceededError: the web pages of these rows exceed a limit. None is created.
        """
        task = attempt.task
        first, last = task.arguments["first"], task.arguments["last"]

        async def apply(connection: AsyncConnection) -> None:
            await self._create(connection, task, first, last)

        pages = await self._count_pages(task, first, last)
        for agent_id, number in pages.items():
            if agent_id is not None:
                async with self._backpressure.hold(task.organization_id, agent_id, Need(number)):
                    pass
        outcome = Outcome(None, f"Lines {first} to {last} done", apply=apply)
        if pages:
            async with self._backpressure.hold(task.organization_id, task.agent_id, Need(pages.total())):
                return outcome
        return outcome

    async def _count_pages(self, task: Task, first: int, last: int) -> Counter[int | None]:
        """Count the web pages of rows by their agent, those of new agents together under None."""
        async with self._database.statement() as connection:
            rows = [row for row in await list_waiting(connection, UUID(str(task.parent_id)), first, last) if row.urls]
            slugs = [row.slug for row in rows]
            existing = await find_existing(connection, task.organization_id, slugs) if rows else {}
        counts: Counter[int | None] = Counter()
        for row in rows:
            decision = decide(row, existing.get(row.slug), read_options(task).on_existing)
            if decision.outcome in _WITH_PAGES:
                counts[decision.agent_id] += len(row.urls)
        return counts

    async def _create(self, connection: AsyncConnection, task: Task, first: int, last: int) -> None:
        list_id, options = UUID(str(task.parent_id)), read_options(task)
        rows = await list_waiting(connection, list_id, first, last)
        policy = options.on_existing
        slugs = [row.slug for row in rows]
        existing = await find_existing(connection, task.organization_id, slugs, lock=policy is OnExisting.UPDATE)
        decisions = [decide(row, existing.get(row.slug), policy) for row in rows]
        failed = [decision for decision in decisions if decision.outcome is RowOutcome.FAILED]
        if options.atomic and failed:
            await write_outcomes(connection, list_id, [decision.state for decision in failed])
            return
        done = await self._write(connection, task.organization_id, decisions)
        await write_outcomes(connection, list_id, [decision.state for decision in done])
        await _submit_pages(connection, task, list_id, done)

    async def _write(
        self, connection: AsyncConnection, organization_id: int, decisions: Sequence[Decision]
    ) -> list[Decision]:
        """Add and change agents; returns the decisions with their ids.

        Raises:
            TransactionConflictError: another request has just taken a slug. The transaction is tried again.
        """
        new = [decision.row for decision in decisions if decision.outcome is RowOutcome.CREATED]
        added = await add_agents(connection, organization_id, new) if new else {}
        if len(added) < len(new):
            raise TransactionConflictError
        changes = {
            decision.agent_id: (decision.row.name, decision.settings)
            for decision in decisions
            if decision.agent_id is not None and decision.settings is not None
        }
        if changes:
            await change_agents(connection, changes)
        return [
            replace(decision, agent_id=added[decision.row.slug]) if decision.outcome is RowOutcome.CREATED else decision
            for decision in decisions
        ]


async def _submit_pages(connection: AsyncConnection, task: Task, list_id: UUID, decisions: Iterable[Decision]) -> None:
    """Submit the web pages of rows whose agents exist, as children of the list's task.

    A page that an agent has already is left out.
    """
    submissions = iter(
        [
            _make_page(task.organization_id, decision.agent_id, url, decision.row.metadata or {})
            for decision in decisions
            if decision.agent_id is not None and decision.outcome in _WITH_PAGES
            for url in decision.row.urls
        ]
    )
    while part := list(islice(submissions, _PAGES)):
        await adopt(connection, list_id, list(await submit_with_documents(connection, part)))


def _make_page(organization_id: int, agent_id: int, url: str, metadata: Mapping[str, Any]) -> Submission:
    return make_submission(PageRequest(organization_id, agent_id, url, metadata, Queue.LOW), url)
