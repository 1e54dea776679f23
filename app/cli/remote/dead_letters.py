"""Commands for dead letters."""

import sys
from typing import Annotated, Any
from uuid import UUID

import typer

from app.cli.output import AsJson, print_fields, print_json, print_table, say
from app.cli.remote.agents import find_agent
from app.cli.remote.client import Client
from app.cli.remote.command import After, AgentFilter, IdOfTask, Limit, remote
from app.domain.tasks import Queue

program = typer.Typer(no_args_is_help=True, add_completion=False)

QueueOption = Annotated[Queue | None, typer.Option("--queue", help="Only dead letters of this queue.")]
CodeOption = Annotated[str | None, typer.Option("--code", help="Only dead letters with this error code.")]
NameOption = Annotated[str | None, typer.Option("--name", help="Only dead letters with this task name.")]
_HISTORY = ["attempt", "started_at", "ended_at", "outcome", "stage", "worker", "code", "message"]


@program.command("list")
@remote
def list_(
    client: Client,
    queue: QueueOption = None,
    agent: AgentFilter = None,
    code: CodeOption = None,
    name: NameOption = None,
    limit: Limit = 20,
    after: After = None,
    as_json: AsJson = False,
) -> None:
    """List dead letters, newest task first."""
    page = client.get("/dead-letters", **_make_filter(client, queue, agent, code, name), limit=limit, after=after)
    if as_json:
        print_json(page)
        return
    rows = [_summarise(letter) for letter in page["dead_letters"]]
    print_table(["task_id", "name", "queue", "code", "attempts", "crashes", "dead since", "message"], rows)
    if page["next"]:
        say(f"{len(rows)} of {page['total']} shown. The next page: --after {page['next']}")


def _make_filter(
    client: Client, queue: Queue | None, agent: str | None, code: str | None, name: str | None
) -> dict[str, Any]:
    agent_id = find_agent(client, agent) if agent else None
    given = {"queue": queue, "agent_id": agent_id, "code": code, "name": name}
    return {field: value for field, value in given.items() if value is not None}


def _summarise(letter: dict[str, Any]) -> list[Any]:
    error = letter["error"] or {}
    name = letter["task_name"].rsplit(".", 1)[-1]
    counts = [letter["attempts"], letter["crashes"], letter["dead_lettered_at"]]
    return [letter["task_id"], name, letter["queue"], error.get("code"), *counts, error.get("message")]


@program.command("show")
@remote
def show(client: Client, task_id: IdOfTask, as_json: AsJson = False) -> None:
    """Show a dead letter with the history of its attempts."""
    letter = client.get(f"/dead-letters/{task_id}")
    if as_json:
        print_json(letter)
        return
    history, traceback = letter.pop("history"), letter.pop("traceback")
    letter["error"] = f"{letter['error']['code']}: {letter['error']['message']}" if letter["error"] else None
    print_fields(letter)
    print_table(_HISTORY, [[entry[column] for column in _HISTORY] for entry in history])
    if traceback:
        sys.stdout.write(f"\n{traceback}")


@program.command("replay")
@remote
def replay(
    client: Client,
    task_id: Annotated[
        UUID | None, typer.Argument(help="A task's id. Without it, the options select dead letters.")
    ] = None,
    queue: QueueOption = None,
    agent: AgentFilter = None,
    code: CodeOption = None,
    name: NameOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Replay every dead letter.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count them.")] = False,
    as_json: AsJson = False,
) -> None:
    """Queue one dead letter again, or all that match."""
    filtered = any(given is not None for given in (queue, agent, code, name))
    if (task_id is not None) + filtered + everything != 1:
        raise typer.BadParameter("Give one task id, or filter options, or --all.")
    if task_id is None:
        body = {"filter": _make_filter(client, queue, agent, code, name), "dry_run": dry_run}
        answer = client.post("/dead-letters/replay", body)
    else:
        if dry_run:
            client.get(f"/dead-letters/{task_id}")
        else:
            client.post(f"/dead-letters/{task_id}/replay")
        answer = {"dry_run": dry_run, "matched": 1, "replayed": 0 if dry_run else 1}
    if as_json:
        print_json(answer)
    else:
        say(f"{answer['matched']} would be replayed." if dry_run else f"{answer['replayed']} replayed.")


@program.command("discard")
@remote
def discard(client: Client, task_id: IdOfTask, as_json: AsJson = False) -> None:
    """Discard a dead letter. Its task stays failed."""
    answer = client.delete(f"/dead-letters/{task_id}")
    if as_json:
        print_json(answer)
    else:
        say("Discarded.")
