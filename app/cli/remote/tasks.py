"""Commands for tasks."""

from typing import Annotated, Any, Literal

import typer

from app.cli.output import AsJson, print_fields, print_json, print_table, say
from app.cli.remote.agents import find_agent
from app.cli.remote.client import Client
from app.cli.remote.command import After, AgentFilter, Granularity, IdOfTask, Limit, Wait, remote
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


@program.command("stats")
@remote
def stats(
    client: Client,
    granularity: Granularity = "day",
    agent: AgentFilter = None,
    since: Annotated[str | None, typer.Option("--from", help="The first time or date, in RFC 3339.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="The time or date of the end, in RFC 3339.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show how tasks ended and how long their stages took, by hour, day or month (UTC)."""
    agent_id = find_agent(client, agent) if agent else None
    query = {"granularity": granularity, "agent_id": agent_id, "from": since, "to": until}
    page = client.get("/analytics/tasks", **query)
    if as_json:
        print_json(page)
        return
    columns = ["start", "succeeded", "failed", "revoked", "success_rate"]
    print_table([*columns, "stages: p50/p95 ms", "failures"], [_describe_ends(row, columns) for row in page["tasks"]])


def _describe_ends(row: dict[str, Any], columns: list[str]) -> list[Any]:
    stages = [f"{stage['stage']} {stage['p50_ms']:.0f}/{stage['p95_ms']:.0f}" for stage in row["stages"]]
    failures = [f"{code} {count}" for code, count in row["failures"].items()]
    return [*(row[column] for column in columns), ", ".join(stages), ", ".join(failures)]
