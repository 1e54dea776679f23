"""A database that lacks something stops the start with one line that says what to run."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.bootstrap import prepare_database
from app.domain.errors import StartupError
from app.embedded import Engines, EngineUrls
from app.embedded.binaries import copy_postgres, find_postgres
from app.settings import Settings, load_settings
from tests.cli.test_commands import run, run_json
from tests.database import execute
from tests.deadlines import deadline
from tests.pooler import run_pooler
from tests.running import ROOT, Stack

_ROLE = "no_superuser"


@pytest.fixture
def empty(servers: EngineUrls, tmp_path: Path) -> Iterator[Settings]:
    """Settings on a database without a schema, whose role may not create extensions."""
    database, server = f"empty_{tmp_path.name}", servers.database_url
    if not urlsplit(server).query:
        pytest.skip("needs the embedded Postgres, whose roles log in without passwords")
    execute(server, f'CREATE DATABASE "{database}"')
    url = urlsplit(server)._replace(path=f"/{database}").geturl()
    yield load_settings(database_url=url, redis_url=servers.redis_url, data_dir=tmp_path / "data")
    execute(server, f'DROP DATABASE "{database}" WITH (FORCE)', f"DROP ROLE IF EXISTS {_ROLE}")


def refuse(settings: Settings, command: str) -> str:
    """Run a command that cannot start; returns the line that says why."""
    with Stack(settings) as stack:
        lines = run(stack, *command.split(), code=1).stderr.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def prepare(settings: Settings) -> str:
    """The message of a migration that is refused."""
    with pytest.raises(StartupError) as raised:
        asyncio.run(prepare_database(settings))
    assert "\n" not in raised.value.message
    return raised.value.message


def log_in(settings: Settings, *grants: str) -> Settings:
    """The settings with a role that is not a superuser."""
    url = settings.database_url or ""
    execute(url, f"CREATE ROLE {_ROLE} LOGIN", *(f"{grant} TO {_ROLE}" for grant in grants))
    return settings.model_copy(update={"database_url": url.replace("//sluice@", f"//{_ROLE}@")})


def test_a_worker_before_the_first_migration_says_what_to_run(empty: Settings) -> None:
    line = refuse(empty, "worker high")
    assert "has no schema yet. Run ./sluice migrate, or start the API" in line


def test_a_worker_of_the_celery_command_before_the_first_migration_says_what_to_run(empty: Settings) -> None:
    with Stack(empty) as stack:
        done = subprocess.run(
            [sys.executable, "-m", "celery", "-A", "app.celery_app", "worker", "-Q", "high_priority", "-c", "1"],
            cwd=ROOT,
            env=stack.environment,
            capture_output=True,
            text=True,
            timeout=deadline(60),
            check=False,
        )
    assert done.returncode == 1, done.stderr
    assert "has no schema yet. Run ./sluice migrate" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_worker_on_an_older_schema_says_what_to_run(settings: Settings) -> None:
    execute(settings.database_url or "", "UPDATE alembic_version SET version_num = '20261129_01'")
    assert "has the schema 20261129_01; this version needs" in refuse(settings, "worker high")


def test_a_role_that_may_not_create_extensions_is_told_what_a_superuser_runs(empty: Settings) -> None:
    limited = log_in(empty, "GRANT USAGE, CREATE ON SCHEMA public")
    for command in ("migrate", "api"):
        line = refuse(limited, command)
        assert "permission denied to create extension" in line
        assert "CREATE EXTENSION IF NOT EXISTS vector; CREATE EXTENSION IF NOT EXISTS btree_gin;" in line


def test_extensions_that_a_superuser_has_created_suffice(empty: Settings) -> None:
    execute(empty.database_url or "", "CREATE EXTENSION vector", "CREATE EXTENSION btree_gin")
    limited = log_in(empty, "GRANT USAGE, CREATE ON SCHEMA public")
    asyncio.run(prepare_database(limited))
    with Stack(limited) as stack:
        stack.start_api()
        assert stack.make_agent()


def test_a_role_that_may_not_create_tables_is_told_which_privilege_it_lacks(empty: Settings) -> None:
    execute(empty.database_url or "", "CREATE EXTENSION vector", "CREATE EXTENSION btree_gin")
    message = prepare(log_in(empty))
    assert "permission denied for schema public" in message
    assert "GRANT USAGE, CREATE ON SCHEMA public" in message


@pytest.mark.parametrize("extension", ["vector", "btree_gin"])
def test_a_server_without_an_extension_is_named_with_its_package(
    extension: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = copy_postgres(find_postgres(), tmp_path / "copy")
    [control] = root.rglob(f"{extension}.control")
    control.unlink()
    tmp_path.chmod(0o755)
    monkeypatch.setattr("app.embedded.postgres.find_postgres", lambda: root)
    with Engines(tmp_path / "data", valkey=False) as engines:
        message = prepare(load_settings(database_url=engines.urls.database_url))
    package = "postgresql-18-pgvector" if extension == "vector" else "postgresql-contrib"
    assert f"apt install {package}" in message
    assert "docs/postgres.md" in message


def test_a_pooler_that_shares_sessions_is_refused_by_every_part(empty: Settings) -> None:
    asyncio.run(prepare_database(empty))
    with run_pooler(empty.database_url or "") as url:
        pooled = empty.model_copy(update={"database_url": url})
        assert "connection pooler that shares sessions" in prepare(pooled)
        for command in ("migrate", "api", "worker high"):
            assert "pool_mode=session" in refuse(pooled, command)


def test_a_pooler_that_gives_each_client_a_session_is_used(empty: Settings) -> None:
    with ExitStack() as opened:
        url = opened.enter_context(run_pooler(empty.database_url or "", "session"))
        stack = opened.enter_context(Stack(empty.model_copy(update={"database_url": url})))
        stack.start_api()
        stack.start_workers("high")
        upload = stack.upload(stack.make_agent(), "heron.txt", b"The heron waits for the evening boat.")
        [task] = stack.finish([upload["task_id"]])
        assert task["state"] == "SUCCESS"


def test_the_doctor_finds_no_failure_right_after_the_first_migration(empty: Settings) -> None:
    with Stack(empty) as stack:
        before = run(stack, "doctor", code=1).stdout
        assert "FAIL  database    The database has no schema yet. Run ./sluice migrate" in before
        run(stack, "migrate")
        checks = {check["name"]: check for check in run_json(stack, "doctor")}
    assert all(check["ok"] for check in checks.values())
    assert checks["index"]["detail"] == "none yet: the first start of the API creates it"
    assert checks["workers"]["detail"].startswith("none has been started yet.")


def test_the_doctor_names_a_pooler(empty: Settings) -> None:
    asyncio.run(prepare_database(empty))
    with run_pooler(empty.database_url or "") as url, Stack(empty.model_copy(update={"database_url": url})) as stack:
        assert "pool_mode=session" in run(stack, "doctor", code=1).stdout
