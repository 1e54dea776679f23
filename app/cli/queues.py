"""Commands for queues."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from app.cli.local.session import AsJson, Session, print_json, print_table, run
from app.cli.local.stack import say

program = typer.Typer(invoke_without_command=True)

Name = Annotated[str, typer.Argument(help="The queue's name, such as low_priority.")]


@program.callback()
def show(context: typer.Context, as_json: AsJson = False) -> None:
    """Show each queue's depth, the age of its oldest task, and its workers."""
    if context.invoked_subcommand is not None:
        return

    async def work(session: Session) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        listed = await session.services.operations.overview.list_queues()
        providers = await session.services.operations.overview.list_providers()
        queues = [{**asdict(queue), "rate_per_second": round(rate, 3)} for queue, rate in listed]
        return queues, [asdict(provider) for provider in providers]

    listed, providers = run(work)
    if as_json:
        print_json({"queues": listed, "providers": providers, "total": len(listed), "next": None})
        return
    columns = ["name", "paused_at", "depth", "delayed", "running", "oldest_age", "rate_per_second", "workers", "slots"]
    print_table(columns, [[queue[column] for column in columns] for queue in listed])
    for provider in providers:
        say(f"Work for {provider['name']} waits until {provider['ask_at']:%H:%M:%S} UTC: {provider['reason']}")


@program.command("pause")
def pause(name: Name) -> None:
    """Pause a queue: none of its tasks starts until it is resumed. Running tasks continue."""

    async def work(session: Session) -> None:
        await session.services.operations.overview.pause(name)

    run(work)
    say(f"{name} is paused.")


@program.command("resume")
def resume(name: Name) -> None:
    """Resume a queue."""

    async def work(session: Session) -> None:
        await session.services.operations.overview.resume(name)

    run(work)
    say(f"{name} is resumed.")
