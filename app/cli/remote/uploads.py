"""Commands that upload documents."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.output import AsJson, print_json, print_table
from app.cli.remote.agents import find_agent
from app.cli.remote.client import ApiError, Client
from app.cli.remote.command import AgentName, Callback, Metadata, OnDuplicate, Priority, Wait, make_form, remote
from app.cli.remote.follow import finish, follow, report_failures

program = typer.Typer(add_completion=False)

_UNAUTHORIZED = {"unauthorized", "forbidden"}
Files = Annotated[list[Path], typer.Argument(help="Files to upload.", exists=True, dir_okay=False, readable=True)]


@program.command("upload")
@remote
def upload(
    client: Client,
    files: Files,
    agent: AgentName,
    wait: Annotated[bool, typer.Option("--wait", help="Show the progress until every task has finished.")] = False,
    metadata: Metadata = None,
    priority: Priority = None,
    on_duplicate: OnDuplicate = None,
    callback_url: Callback = None,
    as_json: AsJson = False,
) -> None:
    """Upload documents to an agent. A file that is refused does not stop the others."""
    agent_id = find_agent(client, agent)
    form = make_form(metadata=metadata, priority=priority, on_duplicate=on_duplicate, callback_url=callback_url)
    results = [upload_file(client, agent_id, path, form) for path in files]
    if wait:
        accepted = {result["task_id"]: result for result in results if result.get("task_id")}
        for task in follow(client, {task_id: result["filename"] for task_id, result in accepted.items()}):
            accepted[task["task_id"]].update(task)
        for result in results:
            result.setdefault("state", "SUCCESS")  # a duplicate whose task is no longer kept
    print_results(results, as_json=as_json)
    partly = [report_failures(result) for result in results]
    if any(partly) or any(result.get("state") in {"FAILURE", "REVOKED", "REFUSED"} for result in results):
        sys.exit(1)


@program.command("batch")
@remote
def batch(
    client: Client,
    files: Files,
    agent: AgentName,
    wait: Wait = False,
    metadata: Metadata = None,
    priority: Priority = None,
    on_duplicate: OnDuplicate = None,
    callback_url: Callback = None,
    as_json: AsJson = False,
) -> None:
    """Upload many documents as one task, which counts them."""
    form = make_form(metadata=metadata, priority=priority, on_duplicate=on_duplicate, callback_url=callback_url)
    path = f"/documents/agent/{find_agent(client, agent)}/batch"
    finish(client, client.upload(path, "files", files, form), "batch", wait=wait, as_json=as_json)


def upload_file(client: Client, agent_id: int, path: Path, form: dict[str, str]) -> dict[str, Any]:
    """Upload one file. A refusal of the file is a result with the state REFUSED, so that others are still uploaded.

    Raises:
        ApiError: the API refuses the key.
    """
    try:
        result: dict[str, Any] = client.upload(f"/documents/agent/{agent_id}/upload", "file", [path], form)
    except ApiError as error:
        if error.problem["code"] in _UNAUTHORIZED:
            raise
        return {"filename": path.name, "state": "REFUSED", "status": str(error), "error": error.problem}
    return result


def print_results(results: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    """Print what became of each file."""
    if as_json:
        print_json(results)
        return
    columns = ["filename", "document_id", "task_id", "state", "status"]
    print_table(columns, [[result.get(column) for column in columns] for result in results])
