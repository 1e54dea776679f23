"""Commands for organizations."""

from typing import Annotated

import typer

from app.cli.output import AsJson, print_json, print_list, print_table
from app.cli.remote.client import Client
from app.cli.remote.command import After, Limit, check_text, remote

program = typer.Typer(no_args_is_help=True, add_completion=False)


@program.command("create")
@remote
def create(
    client: Client,
    name: Annotated[str, typer.Argument(callback=check_text, help="The organization's name.")],
    key_name: Annotated[str, typer.Option(callback=check_text, help="The name of its first API key.")] = "admin",
    as_json: AsJson = False,
) -> None:
    """Create an organization and print the secret of its first API key, which is not stored."""
    made = client.post("/organizations", {"name": name, "key_name": key_name})
    if as_json:
        print_json(made)
    else:
        key = made["api_key"]
        print_table(["id", "name", "key", "secret"], [[made["id"], made["name"], key["name"], key["secret"]]])


@program.command("list")
@remote
def list_(client: Client, limit: Limit = 100, after: After = None, as_json: AsJson = False) -> None:
    """List your organization; with an operator's key all of them, newest first."""
    page = client.get("/organizations", limit=limit, after=after)
    print_list(page, "organizations", ["id", "name", "created_at"], as_json=as_json)
