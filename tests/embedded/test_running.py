"""Other processes find the servers that run on a data folder."""

import threading
from pathlib import Path

import psutil
import pytest

from app.embedded import Engines
from app.embedded.folders import ADDRESSES, lock_data_folder
from app.embedded.running import find_running, open_servers, write_addresses
from app.settings import load_settings
from tests.embedded.conftest import Program


def test_running_servers_are_found_after_the_system_clock_was_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_servers(load_settings(data_dir=tmp_path, database_url="postgresql://elsewhere/x")) as servers:
        # The kernel counts a process's start from the boot, so setting the clock moves every start time.
        create_time = psutil.Process.create_time
        monkeypatch.setattr(psutil.Process, "create_time", lambda process: create_time(process) + 3600)
        found = find_running(tmp_path)
        assert found
        assert found.redis_url == servers.settings.redis_url
    assert find_running(tmp_path) is None


def test_servers_of_a_killed_process_are_not_found(tmp_path: Path, programs: list[Program]) -> None:
    program = Program(tmp_path)
    programs.append(program)
    program.read()
    with Engines(tmp_path / "others", postgres=False) as engines:
        write_addresses(tmp_path, engines.urls)
        assert find_running(tmp_path) == engines.urls
        program.kill()
        assert find_running(tmp_path) is None


def test_addresses_of_former_servers_are_not_used_while_new_ones_start(tmp_path: Path) -> None:
    (tmp_path / ADDRESSES).write_text('{"database_url": "old", "redis_url": "old"}')
    assert find_running(tmp_path) is None
    with lock_data_folder(tmp_path):
        assert find_running(tmp_path) is None


def test_a_start_is_not_disturbed_by_processes_that_look_for_servers(tmp_path: Path) -> None:
    (tmp_path / "engines.lock").touch()
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            (tmp_path / ADDRESSES).write_text('{"database_url": "", "redis_url": ""}')
            find_running(tmp_path)

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(200):
            with lock_data_folder(tmp_path):
                pass
    finally:
        ended.set()
        for thread in threads:
            thread.join()
