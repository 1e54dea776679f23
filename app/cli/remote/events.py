"""The command that lists and follows events."""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from app.cli.output import AsJson, make_printable, print_json, print_table, say
from app.cli.remote.agents import find_agent
from app.cli.remote.client import Client, UnreachableError
from app.cli.remote.command import AgentFilter, Limit, remote

_AWAY_SECONDS = 60.0
_PAUSE_SECONDS = 0.5

program = typer.Typer(add_completion=False)


@program.command("events")
@remote
def events(
    client: Client,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Print new events until Ctrl-C.")] = False,
    types: Annotated[list[str] | None, typer.Option("--type", help="Only this type; may be repeated.")] = None,
    agent: AgentFilter = None,
    document: Annotated[int | None, typer.Option(min=1, help="Only events of this document.")] = None,
    limit: Limit = 100,
    after: Annotated[int | None, typer.Option(min=0, help="Only events after this position.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the events of the organization, the oldest first."""
    wanted = {
        "types": types or None,
        "agent_id": find_agent(client, agent) if agent else None,
        "document_id": document,
        "after": after,
    }
    if follow:
        for event in follow_events(client, {name: value for name, value in wanted.items() if value is not None}):
            _print_line(event, as_json=as_json)
        return
    page = client.get("/events", limit=limit, **wanted)
    if as_json:
        print_json(page)
        return
    print_table(["position", "time", "type", "agent", "document", "about"], map(_summarise, page["events"]))
    if page["next"]:
        say(f"{len(page['events'])} of {page['total']} shown. The next page: --after {page['next']}")


def _summarise(event: Mapping[str, Any]) -> list[Any]:
    data = event["data"]
    about = data.get("filename") or data.get("provider") or data.get("task_id")
    return [event["position"], event["timestamp"], event["type"], data.get("agent_id"), data.get("document_id"), about]


def _print_line(event: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        line = json.dumps(event, ensure_ascii=False)
    else:
        line = "  ".join("" if cell is None else str(cell) for cell in _summarise(event))
    sys.stdout.write(make_printable(line) + "\n")
    sys.stdout.flush()


def follow_events(client: Client, parameters: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The events of a stream. It is opened again where it was, as long as the API answers within a minute.

    Raises:
        UnreachableError: it does not.
    """
    import httpx  # noqa: PLC0415 - help is shown without it

    position, reached = "", time.monotonic()
    while True:
        try:
            for name, value in client.stream("/events", parameters, position):
                reached = time.monotonic()
                if name == "id":
                    position = value
                elif name == "data":
                    yield json.loads(value)
        except httpx.TransportError as error:
            if time.monotonic() - reached > _AWAY_SECONDS:
                raise UnreachableError(client.place, error) from error
        time.sleep(_PAUSE_SECONDS)
