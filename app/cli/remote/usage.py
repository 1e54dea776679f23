"""The command for usage."""

import sys
from enum import StrEnum
from typing import Annotated

import typer

from app.cli.output import AsJson, print_list
from app.cli.remote.agents import find_agent
from app.cli.remote.client import Client
from app.cli.remote.command import After, AgentFilter, Granularity, remote

program = typer.Typer(add_completion=False)


class Dimension(StrEnum):
    """What rows can be split by."""

    AGENT = "agent"
    KIND = "kind"
    MODEL = "model"


Dimensions = Annotated[
    list[Dimension] | None,
    typer.Option("--group-by", "-g", help="A row for each of these. Give it several times for several of them."),
]


@program.command("usage")
@remote
def usage(
    client: Client,
    granularity: Granularity = "day",
    group_by: Dimensions = None,
    agent: AgentFilter = None,
    since: Annotated[str | None, typer.Option("--from", help="The first time or date, in RFC 3339.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="The time or date of the end, in RFC 3339.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Maximum number of rows.")] = 1000,
    after: After = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what was used, by hour, day or month (UTC)."""
    query = {
        "granularity": granularity,
        "group_by": [dimension.value for dimension in group_by or ()] or None,
        "agent_id": find_agent(client, agent) if agent else None,
        "from": since,
        "to": until,
        "limit": limit,
        "after": after,
    }
    if csv:
        given = {name: value for name, value in query.items() if value is not None}
        sys.stdout.write(client.get_text("/analytics/usage", **given, format="csv"))
        return
    page = client.get("/analytics/usage", **query)
    columns = {Dimension.AGENT: "agent_id", Dimension.KIND: "kind", Dimension.MODEL: "model"}
    shown = [column for dimension, column in columns.items() if dimension in (group_by or ())]
    quantities = ["documents", "pages", "chunks", "tokens_in", "tokens_out", "stored_bytes", "searches", "questions"]
    print_list(page, "usage", ["start", *shown, *quantities], as_json=as_json)
