"""Commands that add web pages."""

import json
from typing import Annotated, Any

import typer

from app.cli.output import AsJson
from app.cli.remote.agents import find_agent
from app.cli.remote.client import Client
from app.cli.remote.command import AgentName, Callback, Metadata, OnDuplicate, Priority, Wait, check_text, remote
from app.cli.remote.follow import finish

program = typer.Typer(add_completion=False)

Address = Annotated[str, typer.Argument(callback=check_text, help="The page's address: http:// or https://.")]
Patterns = Annotated[list[str] | None, typer.Option(help="A shell pattern for path and query; may be repeated.")]


@program.command("webpage")
@remote
def webpage(
    client: Client,
    address: Address,
    agent: AgentName,
    wait: Wait = False,
    metadata: Metadata = None,
    priority: Priority = None,
    on_duplicate: OnDuplicate = None,
    callback_url: Callback = None,
    as_json: AsJson = False,
) -> None:
    """Add a web page: its main content, or the file if the address is that of a document."""
    body = _make_body(
        url=address,
        metadata=read_metadata(metadata),
        priority=priority,
        on_duplicate=on_duplicate,
        callback_url=callback_url,
    )
    accepted = client.post(f"/documents/agent/{find_agent(client, agent)}/webpage", body)
    finish(client, accepted, address, wait=wait, as_json=as_json)


@program.command("crawl")
@remote
def crawl(
    client: Client,
    address: Address,
    agent: AgentName,
    max_pages: Annotated[int | None, typer.Option(min=1, max=10_000, help="Maximum number of pages.")] = None,
    max_depth: Annotated[int | None, typer.Option(min=0, max=50, help="Maximum number of links from the page.")] = None,
    include: Patterns = None,
    exclude: Patterns = None,
    wait: Wait = False,
    metadata: Metadata = None,
    priority: Priority = None,
    callback_url: Callback = None,
    as_json: AsJson = False,
) -> None:
    """Add a page and the pages of the same site that it links to."""
    body = _make_body(
        url=address,
        max_pages=max_pages,
        max_depth=max_depth,
        include=include,
        exclude=exclude,
        metadata=read_metadata(metadata),
        priority=priority,
        callback_url=callback_url,
    )
    accepted = client.post(f"/documents/agent/{find_agent(client, agent)}/crawl", body)
    finish(client, accepted, address, wait=wait, as_json=as_json)


def _make_body(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def read_metadata(given: str | None) -> Any:
    """The JSON of the option ``--metadata``; None without it."""
    if given is None:
        return None
    try:
        return json.loads(given)
    except ValueError:
        raise typer.BadParameter("must be a JSON object", param_hint="--metadata") from None
