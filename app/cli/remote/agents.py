"""Commands for agents."""

import json
from typing import Annotated, Any

import typer

from app.cli.output import AsJson, CommandError, print_fields, print_json, print_list
from app.cli.remote.agent_lists import import_
from app.cli.remote.client import Client
from app.cli.remote.command import After, Limit, Wait, check_text, remote
from app.cli.remote.follow import finish

program = typer.Typer(no_args_is_help=True, add_completion=False)

Agent = Annotated[str, typer.Argument(callback=check_text, help="The agent's id or slug.")]
Slug = Annotated[str | None, typer.Option(callback=check_text, help="The agent's slug, such as support.")]
Setting = Annotated[list[str] | None, typer.Option("--set", help="A setting, such as chunk_size=500; may be repeated.")]


def find_agent(client: Client, name: str) -> int:
    """Find an agent's id by its id or slug.

    Raises:
        CommandError: there is no such agent.
    """
    if name.isdecimal():
        return int(name)
    for agent in client.get("/agents", slug=name)["agents"]:
        return int(agent["id"])
    raise CommandError(
        f"Not found. Agent {name!r} does not exist. "
        "`./sluice agents list` shows all, `./sluice agents create NAME` creates one."
    )


@program.command("create")
@remote
def create(
    client: Client,
    name: Annotated[str, typer.Argument(callback=check_text, help="The agent's name.")],
    slug: Annotated[
        str | None, typer.Option(callback=check_text, help="The agent's slug. Default: derived from the name.")
    ] = None,
    setting: Setting = None,
    as_json: AsJson = False,
) -> None:
    """Create an agent."""
    body = {"name": name, "settings": _read_settings(setting), **({"slug": slug} if slug else {})}
    _print(client.post("/agents", body), as_json=as_json)


program.command("import")(import_)


@program.command("list")
@remote
def list_(client: Client, limit: Limit = 100, after: After = None, as_json: AsJson = False) -> None:
    """List agents, newest first."""
    page = client.get("/agents", limit=limit, after=after)
    print_list(page, "agents", ["id", "slug", "name"], as_json=as_json)


@program.command("show")
@remote
def show(client: Client, agent: Agent, as_json: AsJson = False) -> None:
    """Show an agent."""
    _print(client.get(f"/agents/{find_agent(client, agent)}"), as_json=as_json)


@program.command("update")
@remote
def update(
    client: Client,
    agent: Agent,
    name: Annotated[str | None, typer.Option(callback=check_text, help="The agent's new name.")] = None,
    slug: Slug = None,
    setting: Setting = None,
    as_json: AsJson = False,
) -> None:
    """Change an agent's name, slug or settings."""
    settings = _read_settings(setting)
    given = {"name": name, "slug": slug, "settings": settings or None}
    body = {field: value for field, value in given.items() if value is not None}
    if not body:
        raise typer.BadParameter("Give --name, --slug or --set.")
    _print(client.patch(f"/agents/{find_agent(client, agent)}", body), as_json=as_json)


@program.command("delete")
@remote
def delete(client: Client, agent: Agent, wait: Wait = False, as_json: AsJson = False) -> None:
    """Delete an agent and all its documents."""
    finish(client, client.delete(f"/agents/{find_agent(client, agent)}"), agent, wait=wait, as_json=as_json)


def _read_settings(given: list[str] | None) -> dict[str, Any]:
    """Parse ``name=value``. A value is JSON, or a text."""
    settings: dict[str, Any] = {}
    for pair in given or []:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise typer.BadParameter("must be name=value, such as chunk_size=500", param_hint="--set")
        try:
            settings[name] = json.loads(value)
        except ValueError:
            settings[name] = value
    return settings


def _print(agent: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(agent)
    else:
        print_fields(agent)
