"""Commands for tasks."""

from typing import Annotated
from uuid import UUID

import typer

from app.cli.local.session import AsJson, Session, print_json, print_table, run
from app.cli.local.stack import say
from app.domain.ids import TaskId
from app.domain.records import Listing
from app.domain.states import FINAL
from app.domain.task_view import describe
from app.domain.tasks import Task

program = typer.Typer(no_args_is_help=True)
IdOfTask = Annotated[UUID, typer.Argument(help="A task's id.")]


@program.command("list")
def list_(
    status: Annotated[
        str | None, typer.Option(help="PENDING, STARTED, PROGRESS, RETRY, SUCCESS, FAILURE or REVOKED.")
    ] = None,
    queue: Annotated[str | None, typer.Option(help="Only tasks of this queue.")] = None,
    limit: Annotated[int, typer.Option(help="Maximum number of tasks.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List tasks, newest first."""

    async def work(session: Session) -> Listing[Task]:
        return await session.services.queue.tasks.list(
            session.organization_id, status=status, queue=queue, limit=limit, after=None
        )

    listing = run(work)
    if as_json:
        print_json({"tasks": [describe(task) for task in listing.items], "total": listing.total, "next": listing.next})
    else:
        rows = [[t.id, t.name.rsplit(".", 1)[-1], t.queue, t.state.public, t.current, t.status] for t in listing.items]
        print_table(["task_id", "name", "queue", "state", "%", "status"], rows)


@program.command("show")
def show(task_id: IdOfTask, as_json: AsJson = False) -> None:
    """Show a task."""

    async def work(session: Session) -> Task:
        return await session.services.queue.tasks.get(session.organization_id, TaskId(task_id))

    shaped = describe(run(work))
    if as_json:
        print_json(shaped)
    else:
        print_table(["", ""], shaped.items())


@program.command("cancel")
def cancel(task_id: IdOfTask) -> None:
    """Cancel a task."""

    async def work(session: Session) -> Task:
        return await session.services.queue.tasks.cancel(session.organization_id, TaskId(task_id))

    say("Cancelled." if run(work).state in FINAL else "Cancelling: the task is running and stops shortly.")
