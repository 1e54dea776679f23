"""Following tasks until they end, with their progress."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from app.cli.output import print_fields, print_json, say
from app.cli.remote.client import Client

if TYPE_CHECKING:
    from app.cli.remote.watch import OnPart


def follow(client: Client, names: Mapping[str, str], on_part: OnPart | None = None) -> list[dict[str, Any]]:
    """Show the progress of tasks until each has ended.

    Args:
        client: The client.
        names: A display name by task id.
        on_part: Receives the parts of an answer as they arrive, in place of a display of progress.

    Returns:
        The tasks as they ended, in the order of ``names``.

    Raises:
        UnreachableError: the API has not answered for a minute.
    """
    import asyncio  # noqa: PLC0415 - help is shown without these

    from app.cli.progress import ProgressBoard  # noqa: PLC0415
    from app.cli.remote.watch import ignore_part, watch_all  # noqa: PLC0415

    if not names:
        return []
    if client.count_workers() == 0:
        say("No worker is running, so the tasks wait. Start workers with `make up` or ./start_celery_worker.sh.")
    try:
        with ProgressBoard(names, shown=on_part is None) as board:
            return asyncio.run(watch_all(client.place, names, board, on_part or ignore_part))
    except KeyboardInterrupt:
        say("The tasks continue. `./sluice tasks list` shows them.")
        raise


def finish(client: Client, accepted: dict[str, Any], name: str, *, wait: bool, as_json: bool) -> None:
    """Print the response to a request that queued a task or, with ``wait``, the task when it has ended.

    Exits with 1 if the task did not succeed, or one of its files or pages failed.
    """
    task = None
    if wait and accepted["task_id"]:
        [task] = follow(client, {accepted["task_id"]: name})
    if as_json:
        print_json(task or accepted)
    else:
        print_fields(_summarise(task) if task else _summarise_accepted(accepted))
    failed = report_failures(task) if task else _report_refused(accepted)
    if failed or (task and task["state"] != "SUCCESS"):
        sys.exit(1)


def report_failures(task: Mapping[str, Any]) -> bool:
    """Print a line for each file or page of a batch, an archive or a crawl that failed. False if there is none."""
    failed: int = (task.get("counts") or {}).get("failed", 0)
    listed = (task.get("result") or {}).get("failures", [])
    for failure in listed:
        say(f"{failure.get('filename') or failure['task_id']} failed: {failure['message']} ({failure['code']})")
    if listed and failed > len(listed):
        say(f"{failed - len(listed)} more failed. `./sluice tasks list --status FAILURE` shows them.")
    return failed > 0


def _report_refused(accepted: Mapping[str, Any]) -> bool:
    """Print a line for each file of a batch that was refused. False if there is none."""
    refused = [file for file in accepted.get("files", []) if file["error"]]
    for file in refused:
        say(f"{file['filename']} was refused: {file['error']['message']} ({file['error']['code']})")
    return bool(refused)


def _summarise(task: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an ended task that people look at first, without empty ones."""
    error = task["error"]
    fields = {
        "task_id": task["task_id"],
        "state": task["state"],
        "status": task["status"],
        "document_id": task["document_id"],
        "error": f"{error['message']} ({error['code']})" if error else None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _summarise_accepted(accepted: Mapping[str, Any]) -> dict[str, Any]:
    return {name: accepted[name] for name in ("task_id", "document_id", "status", "message") if name in accepted}
