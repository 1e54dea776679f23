"""Imports of lists of agents: a file is accepted, a task reads and checks it, and its children create the agents."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database, repeats_on_conflict
from app.db.onboarding.rows import add_rows, list_rows, list_sizes, reset_rows, summarise_rows
from app.db.tenants.organizations import ensure_internal_agent
from app.domain.addresses import AllowedHosts
from app.domain.counting import count_of
from app.domain.errors import (
    FileMissingError,
    InvalidListError,
    InvalidUrlError,
    NotFoundError,
    UnsupportedTypeError,
    UrlNotAllowedError,
)
from app.domain.ids import TaskId
from app.domain.limits import NOTHING
from app.domain.media import CSV, JSON, MARKDOWN, ODS, SOURCE, TEXT, TSV, XLS, XLSB, XLSX, YAML
from app.domain.onboarding import (
    AGENT_ROWS,
    MAX_ATOMIC,
    AgentRow,
    ImportOptions,
    RowCode,
    RowError,
    RowOutcome,
)
from app.domain.ports import BlobStore, Parser
from app.domain.records import Content, Listing
from app.domain.tasks import NewTask, Progress, Queue, Task, TaskName
from app.domain.web import check_url, normalise_url
from app.ledger.children import drop_children
from app.ledger.read import get_task
from app.ledger.submit import submit, submit_all
from app.services.intake.backpressure import Backpressure
from app.services.intake.uploads import IncomingFile, Uploads
from app.services.onboarding.creation import read_options
from app.services.onboarding.planning import BATCH, check_row, foresee, make_batches, make_row
from app.services.queue.admission import Admission
from app.services.queue.attempts import Outcome, RunningAttempt
from app.temporary_folders import TemporaryFolder

_TYPES = {CSV, TSV, TEXT, JSON, XLSX, XLS, XLSB, ODS, MARKDOWN, SOURCE, YAML}
"""The detected types that a list may have. Those of other texts are guesses from its first words."""


class AgentImports:
    """Accepts lists of agents, and runs the tasks that read and report them."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        uploads: Uploads,
        parser: Parser,
        admission: Admission,
        backpressure: Backpressure,
        allowed: AllowedHosts,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._uploads = uploads
        self._parser = parser
        self._admission = admission
        self._backpressure = backpressure
        self._allowed = allowed

    async def accept(self, incoming: IncomingFile, filename: str, organization_id: int, options: ImportOptions) -> Task:
        """Store a complete file and submit the task that imports it.

        Raises:
            EmptyFileError: when it has no bytes.
            UnsupportedTypeError: when it is neither a table nor JSON.
            BacklogFullError: when the organization has too many tasks of its own waiting.
            QuotaExceededError, BudgetExceededError: when a limit of the organization is used up.
        """
        async with self._database.transaction() as connection:
            agent_id = await ensure_internal_agent(connection, organization_id)
        await self._backpressure.check(agent_id)
        async with (
            self._backpressure.hold(organization_id, agent_id, NOTHING),
            self._uploads.delete_unless_committed([incoming.key]),
        ):
            content = await incoming.store(filename)
            if content.media_type not in _TYPES:
                hint = "Send the list as CSV, as a workbook (XLSX, XLS, XLSB, ODS) or as JSON."
                raise UnsupportedTypeError(hint, detected_type=content.media_type)
            task = await self._submit(
                NewTask(
                    organization_id,
                    agent_id,
                    TaskName.IMPORT_AGENTS,
                    Queue.LOW,
                    arguments={"content": content.as_json(), "options": _as_json(options)},
                    metadata={"filename": content.filename},
                )
            )
        self._admission.nudge(task.queue)
        return task

    @repeats_on_conflict
    async def _submit(self, task: NewTask) -> Task:
        async with self._database.transaction() as connection:
            return await submit(connection, task)

    async def read(self, attempt: RunningAttempt) -> Outcome:
        """Read and check the list; the outcome submits a child for each batch of rows.

        A task that runs again does not read the file again, and leaves rows alone whose agents exist.

        Raises:
            InvalidListError: when the file is no list of agents.
            DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError: when it cannot be read.
        """
        task, options = attempt.task, read_options(attempt.task)
        async with self._database.transaction() as connection:
            if not options.dry_run:
                await reset_rows(connection, task.id)
            known = (await summarise_rows(connection, task.id))["rows"]
        if not known:
            rows = await self._read_rows(attempt)
            await self._store(attempt, rows, options)
        async with self._database.statement() as connection:
            result = await self._summarise(connection, task)
            sizes = await list_sizes(connection, task.id)
        if options.dry_run or not sizes or (options.atomic and result["failed"]):
            return Outcome(result, describe_result(result), after=self._delete_file(task))
        batches = [(sizes[0][0], sizes[-1][0])] if options.atomic else list(make_batches(sizes))
        return self._expand(task, batches)

    async def report(self, attempt: RunningAttempt) -> Outcome:
        """Report what became of the rows, as the last step of an import."""
        async with self._database.statement() as connection:
            task = await get_task(connection, TaskId(UUID(str(attempt.task.parent_id))))
            if task is None:
                raise NotFoundError("The import was deleted.")
            result = await self._summarise(connection, task)
        return Outcome(result, describe_result(result))

    async def get(self, organization_id: int, task_id: UUID) -> dict[str, Any]:
        """What has become of the rows of a list so far.

        Raises:
            NotFoundError: when the organization has no such import.
        """
        async with self._database.statement() as connection:
            return await self._summarise(connection, await _find(connection, organization_id, task_id))

    async def list_rows(
        self, organization_id: int, task_id: UUID, outcome: RowOutcome | None, *, limit: int, after: int | None
    ) -> Listing[dict[str, Any]]:
        """The rows of a list in order, those with one outcome or all.

        Raises:
            NotFoundError: when the organization has no such import.
        """
        async with self._database.statement() as connection:
            task = await _find(connection, organization_id, task_id)
            return await list_rows(connection, task.id, outcome, limit=limit, after=after)

    async def _read_rows(self, attempt: RunningAttempt) -> list[AgentRow]:
        task = attempt.task
        if "content" not in task.arguments:
            raise FileMissingError
        content = Content.from_json(task.arguments["content"])
        await attempt.report(Progress("parse", 0, f"Reading {content.filename}"))
        with TemporaryFolder() as folder:
            path = await self._blobs.fetch(content.blob_key, folder)
            parsed = await self._parser.parse(path, AGENT_ROWS)
        rows = [self._check_urls(make_row(row)) for row in parsed.metadata["rows"]]
        if read_options(task).atomic and sum(1 + len(row.urls) for row in rows) > MAX_ATOMIC:
            raise InvalidListError(f"With `atomic`, it may have at most {MAX_ATOMIC:,} rows and web pages.")
        return rows

    def _check_urls(self, row: AgentRow) -> AgentRow:
        """The row with the normalised addresses of its pages, or the error of one that may not be read."""
        urls = []
        for url in row.urls:
            try:
                check_url(url, self._allowed)
                urls.append(normalise_url(url))
            except (InvalidUrlError, UrlNotAllowedError) as error:
                code = RowCode.URL_INVALID if isinstance(error, InvalidUrlError) else RowCode.URL_NOT_ALLOWED
                return AgentRow(row.line, error=RowError("documents", code, error.message, url[:100]))
        return replace(row, urls=list(dict.fromkeys(urls)))

    async def _store(self, attempt: RunningAttempt, rows: Sequence[AgentRow], options: ImportOptions) -> None:
        """Store the checked rows, unless the attempt is no longer valid."""
        task = attempt.task
        async with self._database.transaction() as connection:
            await attempt.report_within(connection, Progress("check", 15, f"Checked {count_of(len(rows), 'row')}"))
            states = [check_row(row, options) for row in rows]
            if options.dry_run:
                states = await foresee(connection, task.organization_id, rows, states, options)
            await add_rows(connection, task.id, rows, states)

    async def _summarise(self, connection: AsyncConnection, task: Task) -> dict[str, Any]:
        options = read_options(task)
        return {
            **await summarise_rows(connection, task.id),
            "atomic": options.atomic,
            "dry_run": options.dry_run,
            "errors_url": f"/api/v1/agents/bulk/{task.id}/rows?outcome=failed&format=csv",
        }

    def _expand(self, task: Task, batches: Sequence[tuple[int, int]]) -> Outcome:
        async def apply(connection: AsyncConnection) -> None:
            await drop_children(connection, task.id)
            await submit_all(
                connection,
                [
                    NewTask.child_of(
                        task,
                        TaskName.CREATE_AGENTS,
                        Queue.LOW,
                        {"first": first, "last": last, "options": task.arguments["options"]},
                    )
                    for first, last in batches
                ],
            )

        return Outcome(
            None,
            f"Creating agents, {count_of(BATCH, 'row')} at a time",
            apply=apply,
            expands=True,
            last_step={
                "name": TaskName.REPORT_AGENTS.value,
                "queue": Queue.LOW.value,
                "after_failures": True,
                "arguments": {},
            },
            after=self._delete_file(task),
        )

    def _delete_file(self, task: Task) -> Any:
        """A function that deletes the file of a list whose rows are stored."""

        async def delete() -> None:
            if "content" in task.arguments:
                await self._blobs.delete(task.arguments["content"]["blob_key"])

        return delete


def describe_result(result: dict[str, Any]) -> str:
    """A sentence on what became of the rows of a list."""
    changed = [f"{result[name]} {name}" for name in ("updated", "skipped", "failed") if result[name]]
    if result["not_attempted"]:
        changed.append(f"{result['not_attempted']} not attempted")
    created = f"{'Would create' if result['dry_run'] else 'Created'} {count_of(result['created'], 'agent')}"
    return f"{created} of {count_of(result['rows'], 'row')}" + (f": {', '.join(changed)}" if changed else "")


def _as_json(options: ImportOptions) -> dict[str, Any]:
    return {"atomic": options.atomic, "dry_run": options.dry_run, "on_duplicate": options.on_existing.value}


async def _find(connection: AsyncConnection, organization_id: int, task_id: UUID) -> Task:
    task = await get_task(connection, TaskId(task_id))
    if task is None or task.organization_id != organization_id or task.name != TaskName.IMPORT_AGENTS:
        raise NotFoundError(f"Import {task_id} does not exist.")
    return task
