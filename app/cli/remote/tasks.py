"""Commands for tasks."""

from typing import Annotated, Any, Literal

import typer

from app.cli.output import AsJson, print_fields, print_json, print_table, say
from app.cli.remote.agents import find_agent
from app.cli.remote.client import Client
from app.cli.remote.command import After, AgentFilter, IdOfTask, Limit, Wait, remote
from app.cli.remote.follow import finish
from app.domain.tasks import Queue

program = typer.Typer(no_args_is_help=True, add_completion=False)

Status = Annotated[
    Literal["PENDING", "STARTED", "PROGRESS", "RETRY", "SUCCESS", "FAILURE", "REVOKED"] | None,
    typer.Option(help="Only tasks in this state."),
]


@program.command("list")
@remote
def list_(
    client: Client,
    status: Status = None,
    queue: Annotated[Queue | None, typer.Option(help="Only tasks of this queue.")] = None,
    agent: AgentFilter = None,
    name: Annotated[str | None, typer.Option(help="Only tasks of this name, as `tasks show` prints it.")] = None,
    limit: Limit = 20,
    after: After = None,
    as_json: AsJson = False,
) -> None:
    """List tasks, newest first."""
    agent_id = find_agent(client, agent) if agent else None
    page = client.get("/tasks/", status=status, queue=queue, agent_id=agent_id, name=name, limit=limit, after=after)
    if as_json:
        print_json(page)
        return
    print_table(["task_id", "name", "queue", "state", "%", "created", "status"], map(_summarise, page["tasks"]))
    if page["next"]:
        say(f"{len(page['tasks'])} of {page['total']} shown. The next page: --after {page['next']}")


def _summarise(task: dict[str, Any]) -> list[Any]:
    name = task["task_name"].rsplit(".", 1)[-1]
    return [task["task_id"], name, task["queue"], task["state"], task["current"], task["created_at"], task["status"]]


@program.command("show")
@remote
def show(client: Client, task_id: IdOfTask, as_json: AsJson = False) -> None:
    """Show a task."""
    task = client.get(f"/tasks/{task_id}")
    if as_json:
        print_json(task)
    else:
        print_fields(task)


@program.command("cancel")
@remote
def cancel(client: Client, task_id: IdOfTask, as_json: AsJson = False) -> None:
    """Cancel a task."""
    answer = client.delete(f"/tasks/{task_id}")
    if as_json:
        print_json(answer)
    else:
        stops = "Cancelling: the task is running and stops shortly."
        say("Cancelled." if answer["status"] == "cancelled" else stops)


@program.command("retry")
@remote
def retry(client: Client, task_id: IdOfTask, wait: Wait = False, as_json: AsJson = False) -> None:
    """Queue a finished task again, whatever its result was."""
    finish(client, client.post(f"/tasks/{task_id}/retry"), "task", wait=wait, as_json=as_json)
