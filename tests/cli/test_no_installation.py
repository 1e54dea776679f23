"""Commands where no installation is, or none that answers."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.settings import Settings
from tests.cli.commands import run_in
from tests.database import execute, fetch
from tests.running import Stack


@pytest.fixture
def shell(settings: Settings, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The variables of a shell in which nothing runs, without any server of its own."""
    with Stack(settings) as stack:
        variables = {
            name: value
            for name, value in stack.environment.items()
            if name not in {"DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "BOOTSTRAP_API_KEY"}
        }
        yield variables | {"DATA_DIR": str(tmp_path / "nothing")}


@pytest.mark.parametrize(
    "command",
    [
        "ask Why? --agent a",
        "upload main.py --agent a",
        "tasks list",
        "keys list",
        "queues",
        "workers",
        "agents create A",
    ],
)
def test_a_command_where_nothing_runs_names_the_address_and_the_folder(
    command: str, shell: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "main.py").write_text("")
    [line] = run_in(tmp_path, shell, *command.split(), code=1).stderr.splitlines()
    assert f"http://127.0.0.1:{shell['PORT']}" in line
    assert str(tmp_path / "nothing") in line
    assert "make up" in line
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize(
    "command",
    ["keys create lost --local", "keys list --local", "reembed --status", "doctor", "doctor --vectors", "urls", "psql"],
)
def test_a_command_on_this_machine_makes_no_installation(command: str, shell: dict[str, str], tmp_path: Path) -> None:
    done = run_in(tmp_path, shell, *command.split(), code=1)
    assert f"There is no installation in {tmp_path / 'nothing'}." in done.stdout + done.stderr
    assert not (tmp_path / "nothing").exists()


def test_the_doctor_says_one_thing_to_do_where_no_installation_is(shell: dict[str, str], tmp_path: Path) -> None:
    lines = run_in(tmp_path, shell, "doctor", code=1).stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [["ok", "python"], ["FAIL", "data"]]
    assert "make up" in lines[1]


def test_a_database_without_tables_gets_none_from_a_command(settings: Settings, tmp_path: Path) -> None:
    url = str(settings.database_url)
    execute(url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    with Stack(settings) as stack:
        [line] = run_in(tmp_path, stack.environment, "keys", "list", "--local", code=1).stderr.splitlines()
    assert "./sluice migrate" in line
    assert not fetch(url, "SELECT 1 FROM pg_tables WHERE schemaname = 'public' AND tablename = 'tasks'")


def test_a_lost_key_is_replaced_on_the_machine_of_the_installation(settings: Settings, tmp_path: Path) -> None:
    with Stack(settings) as stack:
        made = run_in(tmp_path, stack.environment, "keys", "create", "found", "--scope", "admin", "--local").stdout
        [secret] = re.findall(r"sk_sluice_\S+", made)
        stack.start_api()
        variables = stack.environment | {"SLUICE_API_KEY": secret}
        listed = run_in(tmp_path, variables, "keys", "list").stdout
        assert "found" in listed
        wrong = run_in(tmp_path, stack.environment, "--key", "sk_wrong", "agents", "list", code=1).stderr
        assert "./sluice keys create NAME --local" in wrong
