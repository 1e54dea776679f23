"""After any kill, no data is lost and no process is left behind."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import asyncpg
import psutil
import pytest

from app.embedded import Engines
from tests.deadlines import deadline, wait_for
from tests.embedded.conftest import ROOT, Program, lives, query, redis


def _write(database_url: str, redis_url: str) -> None:
    query(database_url, "CREATE TABLE kept AS SELECT 42 AS value")
    with redis(redis_url) as client:
        client.set("kept", 42)


def _check(database_url: str, redis_url: str) -> None:
    assert query(database_url, "SELECT value FROM kept") == 42
    with redis(redis_url) as client:
        assert client.get("kept") == b"42"


@pytest.mark.slow
def test_a_killed_server_is_noticed_and_restarted_with_its_data(tmp_path: Path) -> None:
    with Engines(tmp_path) as engines:
        urls, before = engines.urls, engines.pids
        _write(urls.database_url, urls.redis_url)
        for name in ("postgres", "valkey"):
            os.kill(before[name], signal.SIGKILL)
            wait_for(lambda name=name: engines.poll() == [name], f"{name} is reported dead")  # type: ignore[misc]
            engines.restart(name)
            assert engines.poll() == []
        assert engines.urls == urls
        assert not set(engines.pids.values()) & set(before.values())
        _check(urls.database_url, urls.redis_url)


def test_a_busy_child_of_a_killed_postgres_does_not_hold_up_the_restart(tmp_path: Path) -> None:
    with Engines(tmp_path, valkey=False) as engines:
        url = engines.urls.database_url

        def work() -> None:
            with pytest.raises((asyncpg.PostgresError, OSError)):
                query(url, "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b")

        thread = threading.Thread(target=work)
        thread.start()
        active = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT count%'"
        busy = wait_for(lambda: query(url, active), "the query runs")
        os.kill(engines.pids["postgres"], signal.SIGKILL)
        wait_for(engines.poll, "postgres is reported dead")
        assert lives(busy)
        engines.restart("postgres")
        assert not lives(busy)
        thread.join(deadline(10))
        assert query(url, "SELECT 1") == 1


@pytest.mark.parametrize("flags", [(), ("--watchdog",)])
def test_servers_end_with_a_killed_parent_and_the_next_start_finds_everything(
    tmp_path: Path, programs: list[Program], flags: tuple[str, ...]
) -> None:
    program = Program(tmp_path, *flags)
    programs.append(program)
    said = program.read()
    _write(said["database_url"], said["redis_url"])
    program.kill()
    # At once, while they may still be shutting down.
    with Engines(tmp_path) as engines:
        assert not any(lives(pid) for pid in said["pids"].values())
        assert engines.urls.database_url == said["database_url"]
        _check(engines.urls.database_url, engines.urls.redis_url)
    log = (tmp_path / "postgres.log").read_text()
    assert "was not properly shut down" not in log


def holds_lock(pid: int, folder: Path) -> bool:
    """Whether a process has the lock of a data folder open."""
    return str(folder / "engines.lock") in {file.path for file in psutil.Process(pid).open_files()}


def test_a_process_forked_from_a_killed_parent_does_not_keep_the_folder(
    tmp_path: Path, programs: list[Program]
) -> None:
    program = Program(tmp_path, "--fork")
    programs.append(program)
    forked = program.read()["forked"]
    os.kill(program.process.pid, signal.SIGKILL)
    program.process.wait(deadline(10))
    try:
        wait_for(lambda: not holds_lock(forked, tmp_path), "the forked process to close its inherited descriptors")
        with Engines(tmp_path):
            assert lives(forked)
    finally:
        os.kill(forked, signal.SIGKILL)


def test_setting_up_that_was_interrupted_is_done_again(tmp_path: Path, programs: list[Program]) -> None:
    program = Program(tmp_path)
    programs.append(program)
    wait_for((tmp_path / "postgres.new" / "PG_VERSION").exists, "initdb is at work")
    program.kill()
    assert not (tmp_path / "postgres").exists()
    with Engines(tmp_path, valkey=False) as engines:
        assert query(engines.urls.database_url, "SELECT 1") == 1
    assert not (tmp_path / "postgres.new").exists()


def test_a_stranger_with_the_number_of_a_killed_postgres_is_neither_feared_nor_killed(tmp_path: Path) -> None:
    with Engines(tmp_path, valkey=False) as engines:
        account = psutil.Process(engines.pids["postgres"]).uids().real
        os.kill(engines.pids["postgres"], signal.SIGKILL)
        wait_for(engines.poll, "postgres is reported dead")
    pid_file = tmp_path / "postgres" / "postmaster.pid"
    former = pid_file.read_text().splitlines()
    stranger = subprocess.Popen(["sleep", "60"], user=account if os.geteuid() == 0 else None)
    try:
        pid_file.write_text("\n".join([str(stranger.pid), *former[1:]]) + "\n")
        with Engines(tmp_path, valkey=False) as engines:
            assert query(engines.urls.database_url, "SELECT 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_torn_end_of_valkeys_log_is_cut_off(tmp_path: Path) -> None:
    with Engines(tmp_path, postgres=False) as engines, redis(engines.urls.redis_url) as client:
        client.set("kept", 42)
        client.set("torn", 42)
    (log,) = (tmp_path / "valkey" / "appendonlydir").glob("*.incr.aof")
    os.truncate(log, log.stat().st_size - 3)
    with Engines(tmp_path, postgres=False) as engines, redis(engines.urls.redis_url) as client:
        assert client.get("kept") == b"42"
        assert client.get("torn") is None


def test_servers_that_were_not_stopped_end_with_the_interpreter(tmp_path: Path) -> None:
    code = "import pathlib, sys; from app.embedded import Engines; engines = Engines(pathlib.Path(sys.argv[1]))"
    code += "; engines.start(); print(*engines.pids.values())"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    wait_for(lambda: not any(lives(int(pid)) for pid in done.stdout.split()), "both have ended")
