"""Commands for the days that an organization keeps what is over."""

from typing import Annotated, Any

import typer

from app.cli.output import AsJson, print_json, print_table
from app.cli.remote.client import Client
from app.cli.remote.command import remote
from app.domain.retention import Subject

program = typer.Typer(no_args_is_help=True, add_completion=False)

Organization = Annotated[int | None, typer.Option(min=1, help="The organization's id. Default: that of the API key.")]


def _name_path(client: Client, organization: int | None) -> str:
    """The path of an organization's policy. An operator's key belongs to the first organization."""
    if organization is None:
        page = client.get("/organizations", limit=1)
        organization = page["organizations"][0]["id"] if page["total"] == 1 else 1
    return f"/organizations/{organization}/retention"


@program.command("show")
@remote
def show(client: Client, organization: Organization = None, as_json: AsJson = False) -> None:
    """Show for how many days an organization keeps what is over."""
    _print(client.get(_name_path(client, organization)), as_json=as_json)


def _parse_choice(choice: str) -> tuple[Subject, int | None]:
    name, _, days = choice.partition("=")
    if name not in set(Subject):
        raise typer.BadParameter(f"{name!r} is unknown. Write one of {', '.join(Subject)}, then = and the days.")
    if days != "default" and not days.isdecimal():
        raise typer.BadParameter("Write a number of days, or `default`, after the =.")
    return Subject(name), None if days == "default" else int(days)


@program.command("set")
@remote
def set_(
    client: Client,
    choices: Annotated[list[str], typer.Argument(help="Such as tasks=14 or events=default. Others stay.")],
    organization: Organization = None,
    as_json: AsJson = False,
) -> None:
    """Choose for how many days an organization keeps what is over. What is deleted cannot be restored."""
    path = _name_path(client, organization)
    parsed = dict(map(_parse_choice, choices))
    chosen = {**client.get(path)["chosen"], **{subject.value: days for subject, days in parsed.items()}}
    _print(client.put(path, chosen), as_json=as_json)


def _print(retention: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(retention)
        return
    rows = [
        [name, days, retention["chosen"][name], retention["minimum"][name]] for name, days in retention["days"].items()
    ]
    print_table(["kept", "days", "chosen", "minimum"], rows)
