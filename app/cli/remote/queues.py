"""Commands for queues."""

from typing import Annotated

import typer

from app.cli.output import AsJson, print_json, print_table, say
from app.cli.remote.client import Client
from app.cli.remote.command import remote

program = typer.Typer(invoke_without_command=True, add_completion=False)

Name = Annotated[str, typer.Argument(help="The queue's name, such as low_priority.")]


@program.callback()
@remote
def show(client: Client, context: typer.Context, as_json: AsJson = False) -> None:
    """Show each queue's depth, the age of its oldest task, and its workers."""
    if context.invoked_subcommand is not None:
        return
    listed = client.get("/queues")
    if as_json:
        print_json(listed)
        return
    columns = list(listed["queues"][0])
    print_table(columns, [[queue[column] for column in columns] for queue in listed["queues"]])
    for provider in listed["providers"]:
        say(f"Work for {provider['name']} waits until {provider['ask_at']}: {provider['reason']}")


@program.command("pause")
@remote
def pause(client: Client, name: Name, as_json: AsJson = False) -> None:
    """Pause a queue: none of its tasks starts until it is resumed. Running tasks continue."""
    _change(client, name, "pause", as_json=as_json)


@program.command("resume")
@remote
def resume(client: Client, name: Name, as_json: AsJson = False) -> None:
    """Resume a queue."""
    _change(client, name, "resume", as_json=as_json)


def _change(client: Client, name: str, change: str, *, as_json: bool) -> None:
    answer = client.post(f"/queues/{name}/{change}")
    if as_json:
        print_json(answer)
    else:
        say(f"{name} is {'paused' if answer['paused'] else 'resumed'}.")
