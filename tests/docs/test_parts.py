"""The commands of the README's table of parts, and of docs/http-server.md, start these parts."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.deadlines import deadline, wait_for
from tests.docs.pages import ROOT, list_blocks
from tests.running import Stack

_ROWS = re.findall(r"^\| (schema|API|workers|monitoring) \| (.+) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
_COMMANDS = [(part, command) for part, cell in _ROWS for command in re.findall(r"`([^`]+)`", cell)]
"""Each part with its commands, such as ``("API", "./sluice api")``."""
_PLAIN = [
    ("API", block.text.strip())
    for block in list_blocks(ROOT / "docs" / "http-server.md")
    if block.language == "console"
]
"""The server without our command, with its limits."""


def _find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int, path: str) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False).is_success
    except httpx.TransportError:
        return False


@contextmanager
def _run(command: str, environment: dict[str, str]) -> Iterator[Callable[[], int | None]]:
    """Run a command from the root of the checkout; yields what returns its exit code."""
    program = subprocess.Popen(["bash", "-c", f"exec {command}"], cwd=ROOT, env=environment)
    try:
        yield program.poll
    finally:
        program.send_signal(signal.SIGTERM)
        program.wait(deadline(60))


def _count_workers(stack: Stack) -> int:
    return int(stack.fetch("SELECT count(*) AS number FROM workers WHERE lease_expires_at > now()")[0]["number"])


def test_the_table_names_a_command_for_each_part() -> None:
    assert {part for part, _ in _COMMANDS} == {"schema", "API", "workers", "monitoring"}


@pytest.mark.slow
def test_every_part_starts_with_its_command(stack: Stack) -> None:
    if not (ROOT / ".venv").exists():
        pytest.skip("needs .venv, which the commands use")
    flower, api = _find_port(), stack.port
    environment = {**stack.environment, "PATH": os.defpath, "UVICORN_PORT": str(api), "FLOWER_PORT": str(flower)}
    for part, command in _COMMANDS + _PLAIN:
        if part == "schema":
            assert subprocess.run(["bash", "-c", command], cwd=ROOT, env=environment, check=False).returncode == 0
            continue
        with _run(command, environment) as exit_code:
            match part:
                case "API":
                    wait_for(lambda: _answers(api, "/readyz"), f"{command} to answer", 90)
                case "workers":
                    # One for a queue that the command names, else one for each.
                    number = 4 if command.endswith(".sh") else 1
                    wait_for(lambda: _count_workers(stack) == number, f"{command} to register", 90)  # noqa: B023 - now
                case "monitoring":
                    wait_for(lambda: _answers(flower, "/healthcheck"), f"{command} to answer", 90)
            assert exit_code() is None, f"{command} ended"
        # A worker that is told to stop while it starts may leave a lease, which expires.
        wait_for(lambda: _count_workers(stack) == 0, f"the workers of {command} to stop", 60)
