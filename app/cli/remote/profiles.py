"""Commands for customer profiles."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from app.cli.output import AsJson, print_fields, print_json, print_list, say
from app.cli.remote.agents import find_agent
from app.cli.remote.client import Client
from app.cli.remote.command import After, AgentName, Limit, Wait, check_text, make_form, remote
from app.cli.remote.follow import finish

program = typer.Typer(no_args_is_help=True, add_completion=False)

IdOfProfile = Annotated[int, typer.Argument(min=1, help="The profile's id.")]
Status = Literal["new", "enriching", "enriched", "stale", "failed"]
OfStatus = Annotated[Status | None, typer.Option(help="Only profiles of this status.")]
OfName = Annotated[str | None, typer.Option(callback=check_text, help="Only profiles whose name contains this.")]
Documents = Annotated[bool, typer.Option("--documents", help="Read the agent's documents, not websites.")]


@program.command("create")
@remote
def create(
    client: Client,
    agent: AgentName,
    website: Annotated[str | None, typer.Option(callback=check_text, help="The company's website.")] = None,
    name: Annotated[str | None, typer.Option(callback=check_text, help="The company's name.")] = None,
    enrich_every_days: Annotated[
        int | None, typer.Option(min=1, max=365, help="Enrich it again after so many days.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create a customer profile."""
    body: dict[str, Any] = make_form(name=name, website=website)
    every = {"enrich_every_days": enrich_every_days} if enrich_every_days else {}
    _print(client.post(f"/agents/{find_agent(client, agent)}/profiles", {**body, **every}), as_json=as_json)


@program.command("import")
@remote
def import_(
    client: Client,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV, a workbook, or JSON.")],
    agent: AgentName,
    as_json: AsJson = False,
) -> None:
    """Create many customer profiles from a list. Exits with 1 if a row is wrong."""
    result = client.upload(f"/agents/{find_agent(client, agent)}/profiles/import", "file", [file], {})
    if as_json:
        print_json(result)
    else:
        print_fields({name: result[name] for name in ("rows", "created", "updated")})
        for error in result["errors"]:
            column = f", {error['column']}" if error["column"] else ""
            say(f"line {error['line']}{column}: {error['message']} ({error['code']})")
    if result["errors"]:
        raise typer.Exit(1)


@program.command("list")
@remote
def list_(
    client: Client,
    agent: AgentName,
    status: OfStatus = None,
    name: OfName = None,
    limit: Limit = 100,
    after: After = None,
    as_json: AsJson = False,
) -> None:
    """List an agent's customer profiles, newest first."""
    chosen = make_form(status=status, name=name)
    page = client.get(f"/agents/{find_agent(client, agent)}/profiles", limit=limit, after=after, **chosen)
    print_list(page, "profiles", ["id", "name", "status", "website"], as_json=as_json)


@program.command("show")
@remote
def show(client: Client, profile: IdOfProfile, as_json: AsJson = False) -> None:
    """Show a customer profile. The sources of each field are in its JSON."""
    _print(client.get(f"/profiles/{profile}"), as_json=as_json)


@program.command("enrich")
@remote
def enrich(
    client: Client,
    profile: IdOfProfile,
    documents: Documents = False,
    wait: Wait = False,
    as_json: AsJson = False,
) -> None:
    """Enrich a customer profile from the company's website, or from the agent's documents."""
    accepted = client.post(f"/profiles/{profile}/enrich", {"source": "documents" if documents else "website"})
    finish(client, accepted, f"profile {profile}", wait=wait, as_json=as_json)


@program.command("enrich-all")
@remote
def enrich_all(
    client: Client,
    agent: AgentName,
    status: OfStatus = None,
    name: OfName = None,
    documents: Documents = False,
    wait: Wait = False,
    as_json: AsJson = False,
) -> None:
    """Enrich an agent's customer profiles or, with `--documents`, make one from its documents."""
    if documents and (status or name):
        raise typer.BadParameter("--documents makes one profile, without --status and --name.")
    body: dict[str, Any] = {"source": "documents"} if documents else {"filter": make_form(status=status, name=name)}
    accepted = client.post(f"/agents/{find_agent(client, agent)}/profiles/enrich", body)
    finish(client, accepted, agent, wait=wait, as_json=as_json)


@program.command("delete")
@remote
def delete(client: Client, profile: IdOfProfile, as_json: AsJson = False) -> None:
    """Delete a customer profile with everything that is known of the company."""
    client.delete(f"/profiles/{profile}")
    shown = {"id": profile, "status": "deleted"}
    if as_json:
        print_json(shown)
    else:
        print_fields(shown)


def _print(profile: dict[str, Any], *, as_json: bool) -> None:
    """Print a profile: its fields by their values, one a line."""
    if as_json:
        print_json(profile)
        return
    error, summary = profile["error"], profile["summary"]
    own = {name: profile[name] for name in ("id", "name", "website", "status", "enriched_at", "next_enrichment_at")}
    values = {f"fields.{name}": field["value"] for name, field in profile["fields"].items()}
    written = " ".join(sentence["text"] for sentence in summary["sentences"]) if summary else None
    reason = f"{error['message']} ({error['code']})" if error else None
    rest = {"summary": written, "error": reason}
    print_fields({**own, **values, **{name: value for name, value in rest.items() if value}})
