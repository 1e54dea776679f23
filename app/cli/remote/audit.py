"""The command for the audit log."""

import sys
from typing import Annotated

import typer

from app.cli.output import AsJson, print_list
from app.cli.remote.client import Client
from app.cli.remote.command import After, Limit, remote

program = typer.Typer(add_completion=False)


@program.command("audit")
@remote
def audit(
    client: Client,
    by: Annotated[str | None, typer.Option("--by", help="Only entries of this API key: its id or its prefix.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this operation, such as delete_document.")] = None,
    target: Annotated[str | None, typer.Option(help="Only entries that name this target: document:123.")] = None,
    since: Annotated[str | None, typer.Option("--from", help="Only entries since this time, in RFC 3339.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Only entries before this time, in RFC 3339.")] = None,
    organization: Annotated[int | None, typer.Option(help="For operators: only this organization.")] = None,
    limit: Limit = 100,
    after: After = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show who wrote what, newest first."""
    wanted = {"key": by, "action": action, "target": target, "from": since, "to": until}
    query = {**wanted, "organization_id": organization, "limit": limit, "after": after}
    if csv:
        given = {name: value for name, value in query.items() if value is not None}
        sys.stdout.write(client.get_text("/audit", **given, format="csv"))
        return
    columns = ["occurred_at", "actor", "action", "targets", "status", "request_id"]
    print_list(client.get("/audit", **query), "entries", columns, as_json=as_json)
