"""Commands for documents that the installation has."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from app.cli.output import AsJson, print_fields, print_json, print_list, say
from app.cli.remote.agents import find_agent
from app.cli.remote.client import Client
from app.cli.remote.command import After, AgentFilter, IdOfDocument, Limit, Wait, remote
from app.cli.remote.follow import finish

program = typer.Typer(no_args_is_help=True, add_completion=False)

Status = Annotated[
    Literal["queued", "processing", "completed", "failed", "cancelled"] | None,
    typer.Option(help="Only documents in this status."),
]


@program.command("list")
@remote
def list_(
    client: Client,
    agent: AgentFilter = None,
    status: Status = None,
    limit: Limit = 20,
    after: After = None,
    as_json: AsJson = False,
) -> None:
    """List documents, newest first."""
    agent_id = find_agent(client, agent) if agent else None
    page = client.get("/documents", agent_id=agent_id, status=status, limit=limit, after=after)
    columns = ["id", "agent_id", "filename", "status", "page_count", "chunk_count", "created_at"]
    print_list(page, "documents", columns, as_json=as_json)


@program.command("show")
@remote
def show(client: Client, document_id: IdOfDocument, as_json: AsJson = False) -> None:
    """Show a document."""
    document = client.get(f"/documents/{document_id}")
    if as_json:
        print_json(document)
    else:
        print_fields(document)


@program.command("chunks")
@remote
def chunks(
    client: Client, document_id: IdOfDocument, limit: Limit = 100, after: After = None, as_json: AsJson = False
) -> None:
    """List a document's chunks in order."""
    page = client.get(f"/documents/{document_id}/chunks", limit=limit, after=after)
    print_list(page, "chunks", ["ordinal", "page", "start", "end", "text"], as_json=as_json)


@program.command("pages")
@remote
def pages(
    client: Client,
    document_id: IdOfDocument,
    page: Annotated[int | None, typer.Option(min=1, help="Only the page of this number.")] = None,
    limit: Limit = 100,
    after: After = None,
    as_json: AsJson = False,
) -> None:
    """List the text that was read from each page of a document."""
    found = client.get(f"/documents/{document_id}/text", page=page, limit=limit, after=after)
    print_list(found, "pages", ["page", "start", "end", "text"], as_json=as_json)


@program.command("text")
@remote
def text(client: Client, document_id: IdOfDocument) -> None:
    """Print the text that was read from a document."""
    found = client.get_text(f"/documents/{document_id}/content", format="text")
    sys.stdout.write(found)
    if not found:
        say(f"Document {document_id} has no text. `./sluice documents show {document_id}` shows its status.")


@program.command("download")
@remote
def download(
    client: Client,
    document_id: IdOfDocument,
    output: Annotated[Path | None, typer.Option("--output", "-o", dir_okay=False, help="Default: its name.")] = None,
) -> None:
    """Download the file that was uploaded."""
    path = output or Path(Path(client.get(f"/documents/{document_id}")["filename"]).name)
    if output is None and path.exists():
        raise typer.BadParameter(f"{path} exists. Name another file, or this one to replace it.", param_hint="--output")
    client.download(f"/documents/{document_id}/content", path)
    say(f"Saved as {path}.")


@program.command("reindex")
@remote
def reindex(client: Client, document_id: IdOfDocument, wait: Wait = False, as_json: AsJson = False) -> None:
    """Process a document again, with the agent's current settings."""
    accepted = client.post(f"/documents/{document_id}/reindex")
    finish(client, accepted, f"document {document_id}", wait=wait, as_json=as_json)


@program.command("delete")
@remote
def delete(client: Client, document_id: IdOfDocument, wait: Wait = False, as_json: AsJson = False) -> None:
    """Delete a document. Search does not find it from now on; a task removes it."""
    accepted = client.delete(f"/documents/{document_id}")
    finish(client, accepted, f"document {document_id}", wait=wait, as_json=as_json)
