"""Runs commands of the command line as an operator does."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.deadlines import deadline
from tests.running import ROOT

Completed = subprocess.CompletedProcess[str]


def run_in(folder: Path, environment: dict[str, str], *arguments: str, code: int = 0) -> Completed:
    """Run ``./sluice`` in a folder; check its exit code, and that it shows no traceback."""
    done = subprocess.run(
        [ROOT / "sluice", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=deadline(60),
        check=False,
    )
    assert done.returncode == code, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done


def read_json(folder: Path, environment: dict[str, str], *arguments: str, code: int = 0) -> Any:
    """Run a command with ``--json``; returns what it prints."""
    return json.loads(run_in(folder, environment, *arguments, "--json", code=code).stdout)
