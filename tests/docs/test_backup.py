"""The commands of docs/upgrade.md save an installation and restore it."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.bootstrap import prepare_database
from app.embedded import Engines, EngineUrls
from app.embedded.binaries import find_postgres
from app.settings import load_settings
from tests.database import execute, fetch
from tests.deadlines import deadline
from tests.docs.pages import ROOT, list_blocks
from tests.running import Stack

_COPY, _UNPACK, _SAVE, _RESTORE = [
    block.text for block in list_blocks(ROOT / "docs" / "upgrade.md") if block.language == "bash"
]


def run(commands: str, folder: Path, environment: dict[str, str]) -> None:
    """Run commands as they are printed; the programs of the embedded Postgres are on the path."""
    programs = find_postgres() / "bin"
    done = subprocess.run(
        ["bash", "--norc", "-e", "-u"],
        input=commands,
        cwd=folder,
        env={**environment, "PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=deadline(90),
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_copy_of_the_stopped_data_folder_is_restored(tmp_path: Path) -> None:
    var = tmp_path / "var"
    with Engines(var, valkey=False) as engines:
        asyncio.run(prepare_database(load_settings(database_url=engines.urls.database_url)))
        execute(engines.urls.database_url, "INSERT INTO organizations (name) VALUES ('Saved')")
    run(_COPY, tmp_path, {})
    with Engines(var, valkey=False) as engines:
        execute(engines.urls.database_url, "DROP SCHEMA public CASCADE")
    run(_UNPACK, tmp_path, {})
    with Engines(var, valkey=False) as engines:
        names = fetch(engines.urls.database_url, "SELECT name FROM organizations")
    assert [row["name"] for row in names if row["name"] == "Saved"] == ["Saved"]


@pytest.fixture
def other(servers: EngineUrls, tmp_path: Path) -> Iterator[Stack]:
    """A stack on an empty database and an empty data folder."""
    name = f"restored_{os.getpid()}"
    execute(servers.database_url, f'CREATE DATABASE "{name}"')
    url = urlsplit(servers.database_url)._replace(path=f"/{name}").geturl()
    redis_url = servers.redis_url
    with Stack(load_settings(database_url=url, redis_url=redis_url, data_dir=tmp_path / "restored")) as stack:
        stack.environment["REDIS_KEY_PREFIX"] = "restored:"
        yield stack
    execute(servers.database_url, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.mark.slow
def test_a_dump_and_the_files_are_restored_while_the_first_installation_goes_on(
    stack: Stack, other: Stack, tmp_path: Path
) -> None:
    if not (ROOT / ".venv").exists() or not shutil.which("tar"):
        pytest.skip("needs .venv, which ./sluice uses, and tar")
    stack.start_api()
    stack.start_workers("high", "default")
    agent = stack.make_agent()
    kept = stack.upload(agent, "kept.txt", b"The heron waits for the evening boat.")
    stack.finish([kept["task_id"]])
    waiting = stack.upload(agent, "waiting.txt", b"The gate opens at nine.", priority="low")
    (tmp_path / "sluice").symlink_to(ROOT / "sluice")
    run(_SAVE, tmp_path, stack.environment)
    stack.finish([stack.delete(f"/documents/{kept['document_id']}")["task_id"]])

    run(_RESTORE, tmp_path, other.environment)
    other.start_api()
    other.start_workers("high", "low")
    [task] = other.finish([waiting["task_id"]])
    assert task["state"] == "SUCCESS", "a task that waited when the backup was made runs after the restore"
    content = other.client.get(f"/documents/{kept['document_id']}/content")
    assert content.content == b"The heron waits for the evening boat."
    found = other.post(f"/agents/{agent}/search", {"query": "evening boat"})
    assert found["results"][0]["document_id"] == kept["document_id"]
