"""The addresses of the servers, and their own command lines."""

import os
import stat
from pathlib import Path

import pytest

from app.cli.local.servers import hide_password
from tests.cli.commands import read_json, run_in
from tests.running import Stack


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://sluice@/sluice?host=/tmp/a&port=5432", "postgresql://sluice@/sluice?host=/tmp/a&port=5432"),
        ("postgresql://user:p%40ss@db:5432/sluice", "postgresql://user:***@db:5432/sluice"),
        ("postgresql:///sluice?host=/tmp/a&password=secret", "postgresql:///sluice?host=/tmp/a&password=***"),
        ("redis://:secret@redis/0", "redis://:***@redis/0"),
        ("redis+socket:///tmp/valkey.sock?virtual_host=0", "redis+socket:///tmp/valkey.sock?virtual_host=0"),
        ("amqp://a:secret@one//;amqp://a:secret@two//", "amqp://a:***@one//;amqp://a:***@two//"),
    ],
)
def test_a_password_in_an_address_is_hidden(url: str, shown: str) -> None:
    assert hide_password(url) == shown


def test_psql_runs_on_the_database_of_the_installation(shared_stack: Stack, tmp_path: Path) -> None:
    done = run_in(tmp_path, shared_stack.environment, "psql", "-Atc", "SELECT count(*) >= 0 FROM tasks")
    assert done.stdout == "t\n"


def test_urls_are_printed_and_redis_is_opened_without_a_password_in_its_arguments(
    shared_stack: Stack, tmp_path: Path
) -> None:
    client = tmp_path / "bin" / "valkey-cli"
    client.parent.mkdir()
    client.write_text('#!/bin/sh\necho "$REDISCLI_AUTH $*"\n')
    client.chmod(client.stat().st_mode | stat.S_IXUSR)
    environment = {
        **shared_stack.environment,
        "REDIS_URL": "rediss://me:se%2Fcret@redis.example:6380/2",
        "PATH": f"{client.parent}{os.pathsep}{shared_stack.environment['PATH']}",
    }
    shown = read_json(tmp_path, environment, "urls")
    assert shown["redis"] == "rediss://me:***@redis.example:6380/2"
    assert shown["api"] == f"http://127.0.0.1:{shared_stack.port}"
    assert read_json(tmp_path, environment, "urls", "--passwords")["redis"] == environment["REDIS_URL"]
    opened = run_in(tmp_path, environment, "redis-cli", "LLEN", "high_priority").stdout
    assert opened == "se/cret -h redis.example -p 6380 -n 2 --tls --user me LLEN high_priority\n"
