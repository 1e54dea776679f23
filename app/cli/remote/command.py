"""What the commands over HTTP have in common: options, checks of arguments, and the client."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, Concatenate, Literal, ParamSpec
from uuid import UUID

import typer

from app.cli.remote.client import Client
from app.cli.remote.place import find_place

Parameters = ParamSpec("Parameters")

Url = Annotated[str | None, typer.Option(help="The API's address. Default: SLUICE_URL, or this machine's.")]
Key = Annotated[str | None, typer.Option(help="An API key. Default: SLUICE_API_KEY, or this machine's.")]


def remote(function: Callable[Concatenate[Client, Parameters], None]) -> Callable[..., None]:
    """Give a command a client as its first argument, and the options that select the installation."""

    @wraps(function)
    def run(*, url: str | None = None, key: str | None = None, **arguments: Any) -> None:
        with Client(find_place(url, key)) as client:
            function(client, **arguments)  # type: ignore[call-arg]

    _, *parameters = inspect.signature(function, eval_str=True).parameters.values()
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=option)
        for name, option in (("url", Url), ("key", Key))
    ]
    run.__signature__ = inspect.Signature([*parameters, *more])  # type: ignore[attr-defined]
    return run


def check_text(value: str | None) -> str | None:
    """Refuse an empty argument."""
    if value is not None and not value.strip():
        raise typer.BadParameter("must not be empty")
    return value


AgentName = Annotated[str, typer.Option("--agent", "-a", callback=check_text, help="An agent's id or slug.")]
AgentFilter = Annotated[
    str | None,
    typer.Option("--agent", "-a", "--agent-id", callback=check_text, help="Only those of this agent: its id or slug."),
]
IdOfTask = Annotated[UUID, typer.Argument(help="The task's id.")]
IdOfDocument = Annotated[int, typer.Argument(min=1, help="The document's id.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="Maximum number of items.")]
After = Annotated[str | None, typer.Option(help="The cursor of the next page, as the previous page names it.")]
Wait = Annotated[bool, typer.Option("--wait", help="Show the progress until the task has finished.")]
Priority = Annotated[Literal["high", "medium", "low"] | None, typer.Option(help="The queue's urgency.")]
OnDuplicate = Annotated[
    Literal["skip", "replace", "reject"] | None, typer.Option(help="What to do if the agent has the document already.")
]
Callback = Annotated[
    str | None,
    typer.Option("--callback-url", callback=check_text, help="A URL that receives the event of the job's end."),
]
Metadata = Annotated[str | None, typer.Option(callback=check_text, help="A JSON object, which search can filter by.")]


Granularity = Annotated[Literal["hour", "day", "month"], typer.Option("--by", help="The length of the periods.")]


def make_form(**fields: str | None) -> dict[str, str]:
    """The fields of a form or body that are given."""
    return {name: value for name, value in fields.items() if value is not None}
