"""Commands for statements, limits and reports."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from app.cli.output import AsJson, CommandError, print_json, print_table, say
from app.cli.remote.agents import find_agent
from app.cli.remote.client import Client
from app.cli.remote.command import AgentFilter, check_text, remote

program = typer.Typer(no_args_is_help=True, add_completion=False)

Month = Annotated[
    str | None, typer.Option("--month", "-m", callback=check_text, help="The month, as YYYY-MM. Default: this one.")
]


@program.command("statement")
@remote
def statement(
    client: Client,
    month: Month = None,
    revision: Annotated[int | None, typer.Option(min=1, help="A revision. Default: the latest one.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write a file, in the format of its ending: .pdf, .csv, .json."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a month costs, or write the statement as a file."""
    if output is not None:
        form = _choose_format(output)
        given = {"month": month, "revision": revision, "format": form}
        query = "&".join(f"{name}={value}" for name, value in given.items() if value is not None)
        client.download(f"/analytics/billing?{query}", output)
        say(f"Wrote {output}.")
        return
    found = client.get("/analytics/billing", month=month, revision=revision)
    if as_json:
        print_json(found)
        return
    rows = [
        [line["quantity"], line["model"] or line["kind"] or "", line["tier"], line["units"], line["amount"]]
        for line in found["lines"]
    ]
    print_table(["quantity", "of", "tier", "units", "amount"], [*rows, ["total", "", "", "", found["total"]]])
    state = f"revision {found['revision']}" if found["revision"] else "the month is open"
    say(f"{found['organization']}, {found['month']}: {found['total']} {found['currency']} ({state})")


@program.command("prices")
@remote
def prices(client: Client, as_json: AsJson = False) -> None:
    """Show the prices of your organization."""
    found = client.get("/prices")
    if as_json:
        print_json(found)
        return
    rows = [
        [
            version["valid_from"],
            price["quantity"],
            price.get("model") or price.get("kind") or "",
            price["per"],
            tier.get("up_to", ""),
            tier["price"],
        ]
        for version in found["versions"]
        for price in version["prices"]
        for tier in price["tiers"]
    ]
    print_table(["valid from", "quantity", "of", "per", "up to", f"price ({found['currency']})"], rows)


@program.command("limits")
@remote
def limits(client: Client, agent: AgentFilter = None, as_json: AsJson = False) -> None:
    """Show the limits of your organization, and of an agent, with what is used."""
    agent_id = find_agent(client, agent) if agent else None
    found = client.get("/limits", agent_id=agent_id)
    if as_json:
        print_json(found)
        return
    rows = [
        [one["name"], one["agent_id"] or "", one["limit"] or "none", one["used"] or "", one["resets_at"] or ""]
        for one in found["limits"]
    ]
    print_table(["limit", "agent", "at most", "used", "resets at"], rows)


def _choose_format(file: Path) -> Literal["pdf", "csv", "json"]:
    match file.suffix.lower():
        case ".pdf":
            return "pdf"
        case ".csv":
            return "csv"
        case ".json":
            return "json"
    raise CommandError("The name of the file must end with .pdf, .csv or .json.")
