"""The command that creates agents from a list."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from app.cli.output import AsJson, print_fields, print_json, print_table, say
from app.cli.remote.client import Client
from app.cli.remote.command import Wait, make_form, remote
from app.cli.remote.follow import finish, follow, report_failures

_COUNTS = ("rows", "created", "updated", "skipped", "failed", "not_attempted")
_SHOWN = 50
File = Annotated[
    Path, typer.Argument(help="A list as CSV, a workbook or JSON.", exists=True, dir_okay=False, readable=True)
]
Existing = Annotated[
    Literal["error", "skip", "update"] | None, typer.Option(help="What to do with a row whose slug an agent has.")
]


@remote
def import_(
    client: Client,
    file: File,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check all rows and create nothing.")] = False,
    atomic: Annotated[bool, typer.Option("--atomic", help="Create all agents or, if a row fails, none.")] = False,
    on_duplicate: Existing = None,
    wait: Wait = False,
    as_json: AsJson = False,
) -> None:
    """Create many agents from a list."""
    form = make_form(dry_run="true" if dry_run else None, atomic="true" if atomic else None, on_duplicate=on_duplicate)
    accepted = client.upload("/agents/bulk", "file", [file], form)
    if not wait:
        finish(client, accepted, file.name, wait=False, as_json=as_json)
        return
    [task] = follow(client, {accepted["task_id"]: file.name})
    # The result of an import that was cancelled has no rows.
    result = client.get(f"/agents/bulk/{task['task_id']}")
    if as_json:
        print_json({**task, "result": result})
    else:
        _print(task, result)
    failed_pages = report_failures(task)
    if task["state"] != "SUCCESS" or result["failed"] or failed_pages:
        sys.exit(1)


def _print(task: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    """Print the counts, then a table of the errors."""
    error = task["error"]
    told = {"task_id": task["task_id"], "state": task["state"], "status": task["status"]}
    print_fields({**told, **({"error": f"{error['message']} ({error['code']})"} if error else {})})
    print_fields({name: result[name] for name in _COUNTS if result[name] or name in {"rows", "created"}})
    columns = ["line", "column", "code", "message", "value"]
    errors = result["errors"][:_SHOWN]
    if errors:
        print_table(columns, [[error[column] for column in columns] for error in errors])
    if result["failed"] > len(errors):
        say(f"{result['failed'] - len(errors)} more failed. GET {result['errors_url']} has all.")
