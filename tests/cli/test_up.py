"""``up``, and the commands on the same machine while it runs."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from app.settings import Settings
from tests.cli.commands import read_json, run_in
from tests.database import fetch
from tests.deadlines import deadline, wait_for
from tests.running import ROOT, Stack


@pytest.fixture
def environment(settings: Settings, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The variables of an operator's shell, without an API key."""
    with Stack(settings) as stack:
        variables = dict(stack.environment)
        del variables["BOOTSTRAP_API_KEY"]
        yield variables | {"DATA_DIR": str(tmp_path / "var"), "WORKER_CONCURRENCY_HIHG": "3"}


@contextmanager
def up(environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``up`` until the block ends."""
    with log.open("wb") as output:
        program = subprocess.Popen(
            [ROOT / "sluice", "up"], cwd=log.parent, env=environment, stdout=output, stderr=output
        )
    try:
        wait_for(lambda: program.poll() is not None or "Ctrl-C stops it." in log.read_text(), "up to be ready", 90)
        assert program.poll() is None, log.read_text()
        yield program
    finally:
        if program.poll() is None:
            program.send_signal(signal.SIGINT)
        program.wait(deadline(60))


def test_commands_beside_a_running_up_need_neither_address_nor_key(environment: dict[str, str], tmp_path: Path) -> None:
    shell = environment | {"PORT": "1"}  # not the port of the running one
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "tide.txt").write_text("The tide gauge stands at Coldharbour.")
    with up(environment, tmp_path / "log"):
        file = tmp_path / "var" / "cli.json"
        assert file.stat().st_mode & 0o777 == 0o600
        run_in(elsewhere, shell, "agents", "create", "Tides")
        [upload] = read_json(elsewhere, shell, "upload", "tide.txt", "--agent", "tides", "--wait")
        assert upload["state"] == "SUCCESS"
        [key] = [
            key for key in read_json(elsewhere, shell, "keys", "list")["api_keys"] if key["name"] == "command line"
        ]
        assert key["revoked_at"] is None
        second = run_in(elsewhere, shell, "up", code=1).stderr
        assert "already runs" in second
        assert "./sluice keys create" in second
        secret = json.loads(file.read_text())["key"]
    assert not file.exists()
    assert secret not in (tmp_path / "log").read_text()
    [row] = fetch(environment["DATABASE_URL"], "SELECT revoked_at FROM api_keys WHERE id = $1", key["id"])
    assert row["revoked_at"]


def test_a_start_shows_or_explains_the_key_and_names_a_misspelled_setting(
    environment: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with up(environment, log) as program:
        first = log.read_text()
        assert "Your API key, shown only now: sk_sluice_" in first
        assert first.count("WORKER_CONCURRENCY_HIHG is not a setting and has no effect. Is it") == 1
        assert "WORKER_CONCURRENCY_HIGH?" in first
        running = psutil.Process(program.pid).children(recursive=True)
        program.kill()
        program.wait()
        wait_for(lambda: not any(process.is_running() for process in running), "its processes to end")
    left = json.loads((tmp_path / "var" / "cli.json").read_text())
    stderr = run_in(tmp_path, environment, "tasks", "list", code=1).stderr
    assert "does not answer" in stderr, "the file of a killed process is not used"
    with up(environment, log):
        assert "`./sluice keys create NAME` makes another." in log.read_text()
        keys = {key["id"]: key for key in read_json(tmp_path, environment, "keys", "list")["api_keys"]}
        assert keys[left["key_id"]]["revoked_at"]


def test_ctrl_c_says_what_is_awaited_and_a_second_one_stops_at_once(
    environment: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with up(environment | {"WORKER_SHUTDOWN_SECONDS": "600"}, log) as program:
        for process in psutil.Process(program.pid).children():
            os.kill(process.pid, signal.SIGSTOP)  # as a worker whose task does not end
        program.send_signal(signal.SIGINT)
        wait_for(lambda: "Waiting for " in log.read_text(), "a line about the wait")
        assert "worker-high" in log.read_text().split("Waiting for ")[1]
        program.send_signal(signal.SIGINT)
        assert program.wait(deadline(60)) == 0
    assert "Stopping at once." in log.read_text()
