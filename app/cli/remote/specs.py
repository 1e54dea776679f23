"""The command that describes repositories."""

from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.output import AsJson
from app.cli.remote.agents import find_agent
from app.cli.remote.client import Client
from app.cli.remote.command import AgentName, Callback, Metadata, Priority, Wait, check_text, make_form, remote
from app.cli.remote.follow import finish
from app.cli.remote.web import read_metadata

program = typer.Typer(add_completion=False)

Source = Annotated[
    str,
    typer.Argument(callback=check_text, help="A ZIP or tar archive of the sources, or a repository's https:// URL."),
]


@program.command("specs")
@remote
def specs(
    client: Client,
    source: Source,
    agent: AgentName,
    spec_type: Annotated[str, typer.Option("--type", help="overview, api or architecture.")] = "overview",
    index_first: Annotated[bool, typer.Option(help="Make the source files documents as well.")] = True,
    chunk_size: Annotated[int | None, typer.Option(min=100, max=10_000, help="Characters of a chunk.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, max=1000, help="Files that are analysed at a time.")] = None,
    wait: Wait = False,
    metadata: Metadata = None,
    priority: Priority = None,
    callback_url: Callback = None,
    as_json: AsJson = False,
) -> None:
    """Describe the sources of a repository as a document of an agent."""
    form = make_form(
        spec_type=spec_type,
        index_first=str(index_first).lower(),
        chunk_size=str(chunk_size) if chunk_size else None,
        batch_size=str(batch_size) if batch_size else None,
        metadata=metadata,
        priority=priority,
        callback_url=callback_url,
    )
    accepted = _send(client, f"/agents/{find_agent(client, agent)}/specs", source, form)
    finish(client, accepted, source, wait=wait, as_json=as_json)


def _send(client: Client, path: str, source: str, form: dict[str, str]) -> Any:
    archive = Path(source)
    # Without a scheme too: the API says which address to give instead of one that only Git reads.
    if "://" in source or (":" in source and not archive.is_file()):
        metadata = read_metadata(form.get("metadata"))
        return client.post(path, {**form, "url": source, **({"metadata": metadata} if metadata else {})})
    if not archive.is_file():
        raise typer.BadParameter(f"{source} is neither a file nor a URL.", param_hint="SOURCE")
    return client.upload(path, "file", [archive], form)
