"""Commands for upkeep."""

from typing import Annotated

import typer

from app.cli.output import AsJson, print_json, print_table, say
from app.cli.remote.client import Client
from app.cli.remote.command import remote

program = typer.Typer(invoke_without_command=True, add_completion=False)


@program.callback()
@remote
def show(
    client: Client,
    context: typer.Context,
    runs: Annotated[str | None, typer.Option(help="List the runs of this kind, such as retention.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what upkeep did when, and what is due next."""
    if context.invoked_subcommand is not None:
        return
    listed = client.get("/upkeep", name=runs)
    if as_json:
        print_json(listed)
    elif runs:
        columns = ["started_at", "seconds", "organization_id", "task_id", "counts", "error"]
        print_table(columns, [[run[column] for column in columns] for run in listed["runs"]])
    else:
        rows = [(kind["name"], kind["due_at"], kind["last"] or {}) for kind in listed["upkeep"]]
        columns = ["started_at", "seconds", "counts", "error"]
        print_table(["name", "due_at", *columns], [[name, due, *map(last.get, columns)] for name, due, last in rows])


@program.command("run")
@remote
def run(
    client: Client,
    name: Annotated[str, typer.Argument(help="What to do, such as retention or storage.")],
    organization: Annotated[
        int | None, typer.Option(min=1, help="With retention: only that of this organization.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start upkeep now. It needs an operator's key."""
    query = f"?organization_id={organization}" if organization else ""
    started = client.post(f"/upkeep/{name}/run{query}")
    if as_json:
        print_json(started)
    else:
        say(f"{started['message']}." if started["task_id"] is None else f"Task {started['task_id']} is queued.")
