"""The command that creates agents from a list: counts, a table of errors, and exit codes."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cli.test_commands import run
from tests.running import Stack


@pytest.fixture
def listed(tmp_path: Path) -> tuple[Path, str]:
    """A list with a wrong row, and the beginning of its slugs."""
    prefix = f"t{uuid4().hex[:10]}"
    path = tmp_path / "customers.csv"
    path.write_text(f"name,slug,weight\nAcme,{prefix}-a,2\nBirch,{prefix}-b,many\n")
    return path, prefix


def test_the_errors_of_a_list_are_a_table_by_line(shared_stack: Stack, listed: tuple[Path, str]) -> None:
    path, prefix = listed
    done = run(shared_stack, "agents", "import", str(path), "--wait", code=1)
    assert "Created 1 agent of 2 rows: 1 failed" in done.stdout
    assert "number_invalid" in done.stdout
    assert f"{prefix}-a" in run(shared_stack, "agents", "show", f"{prefix}-a").stdout


def test_a_dry_run_creates_nothing_and_gives_the_same_result(shared_stack: Stack, listed: tuple[Path, str]) -> None:
    path, prefix = listed
    done = run(shared_stack, "agents", "import", str(path), "--dry-run", "--wait", "--json", code=1)
    result = json.loads(done.stdout)["result"]
    assert (result["created"], result["failed"], result["errors"][0]["line"]) == (1, 1, 3)
    run(shared_stack, "agents", "show", f"{prefix}-a", code=1)


def test_a_list_is_accepted_without_waiting(shared_stack: Stack, listed: tuple[Path, str]) -> None:
    done = run(shared_stack, "agents", "import", str(listed[0]), "--atomic", "--json")
    [task] = shared_stack.finish([json.loads(done.stdout)["task_id"]])
    assert (task["result"]["created"], task["result"]["atomic"]) == (0, True)
