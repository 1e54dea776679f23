"""Commands for dead letters."""

import sys
from typing import Annotated, Any
from uuid import UUID

import typer

from app.cli.local.session import AsJson, Session, print_json, print_table, run
from app.cli.local.stack import say
from app.domain.ids import TaskId
from app.domain.records import Listing
from app.domain.task_view import describe_dead_letter
from app.domain.tasks import DeadLetterFilter, Task

program = typer.Typer(no_args_is_help=True)

IdOfTask = Annotated[UUID, typer.Argument(help="The task's id.")]
QueueOption = Annotated[str | None, typer.Option("--queue", help="Only dead letters of this queue.")]
AgentOption = Annotated[int | None, typer.Option("--agent-id", help="Only dead letters of this agent.")]
CodeOption = Annotated[str | None, typer.Option("--code", help="Only dead letters with this error code.")]
NameOption = Annotated[str | None, typer.Option("--name", help="Only dead letters with this task name.")]


@program.command("list")
def list_(
    queue: QueueOption = None,
    agent_id: AgentOption = None,
    code: CodeOption = None,
    name: NameOption = None,
    limit: Annotated[int, typer.Option(help="Maximum number of dead letters.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List dead letters, newest task first."""
    wanted = DeadLetterFilter(queue, agent_id, code, name)

    async def work(session: Session) -> Listing[Task]:
        return await session.services.queue.dead_letters.list(session.organization_id, wanted, limit=limit, after=None)

    listing = run(work)
    letters = [describe_dead_letter(task) for task in listing.items]
    if as_json:
        print_json({"dead_letters": letters, "total": listing.total, "next": listing.next})
        return
    rows = [_summarise(letter) for letter in letters]
    print_table(["task_id", "name", "queue", "code", "attempts", "crashes", "dead since", "message"], rows)


def _summarise(letter: dict[str, Any]) -> list[Any]:
    error = letter["error"] or {}
    name = letter["task_name"].rsplit(".", 1)[-1]
    counts = [letter["attempts"], letter["crashes"], letter["dead_lettered_at"]]
    return [letter["task_id"], name, letter["queue"], error.get("code"), *counts, error.get("message")]


@program.command("show")
def show(task_id: IdOfTask, as_json: AsJson = False) -> None:
    """Show a dead letter with the history of its attempts."""

    async def work(session: Session) -> Task:
        return await session.services.queue.dead_letters.get(session.organization_id, TaskId(task_id))

    letter = describe_dead_letter(run(work))
    if as_json:
        print_json(letter)
        return
    history, traceback = letter.pop("history"), letter.pop("traceback")
    letter["error"] = f"{letter['error']['code']}: {letter['error']['message']}" if letter["error"] else None
    print_table(["", ""], letter.items())
    columns = ["attempt", "started_at", "ended_at", "outcome", "stage", "worker", "code", "message"]
    print_table(columns, [[entry[column] for column in columns] for entry in history])
    if traceback:
        sys.stdout.write(f"\n{traceback}")


@program.command("replay")
def replay(
    task_id: Annotated[
        UUID | None, typer.Argument(help="A task's id. Without it, the options select dead letters.")
    ] = None,
    queue: QueueOption = None,
    agent_id: AgentOption = None,
    code: CodeOption = None,
    name: NameOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Replay every dead letter.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count them.")] = False,
    as_json: AsJson = False,
) -> None:
    """Queue one dead letter again, or all that match."""
    wanted = DeadLetterFilter(queue, agent_id, code, name)
    filtered = wanted != DeadLetterFilter()
    if (task_id is not None) + filtered + everything != 1:
        raise typer.BadParameter("Give one task id, or filter options, or --all.")

    async def work(session: Session) -> int:
        letters, organization_id = session.services.queue.dead_letters, session.organization_id
        if task_id is not None:
            one = letters.get if dry_run else letters.replay
            await one(organization_id, TaskId(task_id))
            return 1
        return await (letters.count if dry_run else letters.replay_all)(organization_id, wanted)

    matched = run(work)
    if as_json:
        print_json({"dry_run": dry_run, "matched": matched, "replayed": 0 if dry_run else matched})
    else:
        say(f"{matched} would be replayed." if dry_run else f"{matched} replayed.")


@program.command("discard")
def discard(task_id: IdOfTask) -> None:
    """Discard a dead letter. Its task stays failed."""

    async def work(session: Session) -> None:
        await session.services.queue.dead_letters.discard(session.organization_id, TaskId(task_id))

    run(work)
    say("Discarded.")
