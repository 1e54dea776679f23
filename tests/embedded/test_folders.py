"""Data folders with unusual paths, and the users that run the servers."""

import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.domain.errors import StartupError
from app.embedded import Engines, binaries, postgres
from tests.embedded.conftest import Program, needs_root, query, redis


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """An empty folder that every user can reach."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def _work(data_dir: Path) -> None:
    with Engines(data_dir) as engines:
        assert query(engines.urls.database_url, "SELECT 1") == 1
        with redis(engines.urls.redis_url) as client:
            assert client.ping()


def test_a_second_start_is_told_who_holds_the_folder(tmp_path: Path, programs: list[Program]) -> None:
    program = Program(tmp_path)
    programs.append(program)
    said = program.read()
    with pytest.raises(StartupError) as caught:
        Engines(tmp_path).start()
    assert f"process {program.process.pid} (" in caught.value.message
    assert "tests.embedded.program" in caught.value.message
    assert " since 20" in caught.value.message
    assert query(said["database_url"], "SELECT 1") == 1
    assert program.end() == 0
    _work(tmp_path)


def test_a_stopped_one_can_start_again_and_leaves_no_sockets(tmp_path: Path) -> None:
    engines = Engines(tmp_path, postgres=False)
    for _ in range(2):
        urls = engines.start()
        assert urls.database_url == ""
        sockets = Path(urls.redis_url.removeprefix("redis+socket://").partition("?")[0]).parents[1]
        assert stat.S_IMODE((sockets / "valkey").stat().st_mode) == 0o700
        engines.stop()
        assert not sockets.exists()
        assert engines.pids == {}
    engines.stop()


@pytest.mark.parametrize("name", ["with spaces, 'quotes' & ünïcode", "/".join(["long" * 25] * 3)], ids=["odd", "long"])
def test_the_path_may_be_odd_or_long(tmp_path: Path, name: str) -> None:
    _work(tmp_path / name)


def test_a_relative_path_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    engines = Engines(Path("var"), postgres=False)
    monkeypatch.chdir("/")
    engines.start()
    engines.stop()
    assert (tmp_path / "var" / "valkey").is_dir()


@needs_root
def test_root_runs_postgres_as_an_unprivileged_user_without_opening_a_closed_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    # As if the programs were in a closed folder too. Only the base of the socket folder is open.
    monkeypatch.setattr(postgres, "is_open_to_all", lambda _: False)
    before = {folder: folder.stat().st_mode for folder in closed.parents}
    with Engines(closed / "data") as engines:
        process = psutil.Process(engines.pids["postgres"])
        assert process.uids().real == pwd.getpwnam("nobody").pw_uid
        assert not Path(process.exe()).is_relative_to(binaries.find_postgres())
        assert query(engines.urls.database_url, "SELECT count(*) FROM pg_ls_dir('.')") > 10
        query(engines.urls.database_url, "CREATE EXTENSION vector")
        run_dir = Path(process.exe()).parents[4]
        assert run_dir.stat().st_uid == 0
    assert not run_dir.exists()
    assert {folder: folder.stat().st_mode for folder in closed.parents} == before
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert stat.S_IMODE((closed / "data").stat().st_mode) == 0o700


@needs_root
def test_an_ordinary_user_runs_both_and_root_may_take_over(open_folder: Path, programs: list[Program]) -> None:
    if not binaries.is_open_to_all(binaries.find_postgres()):
        pytest.skip("ordinary users cannot reach the programs here")
    nobody = pwd.getpwnam("nobody")
    data = open_folder / "data"
    data.mkdir()
    os.chown(data, nobody.pw_uid, nobody.pw_gid)
    program = Program(data, "--ordinary")
    programs.append(program)
    said = program.read()
    assert {psutil.Process(pid).uids().real for pid in said["pids"].values()} == {nobody.pw_uid}
    query(said["database_url"], "CREATE TABLE kept AS SELECT 42 AS value")
    with redis(said["redis_url"]) as client:
        client.set("kept", 42)
    assert program.end() == 0
    with Engines(data) as engines:
        assert query(engines.urls.database_url, "SELECT value FROM kept") == 42


def test_a_start_that_fails_shows_the_log_and_leaves_nothing_running(tmp_path: Path) -> None:
    _work(tmp_path)
    version = tmp_path / "postgres" / "PG_VERSION"
    version.write_text("17\n")
    children = psutil.Process().children()
    with pytest.raises(StartupError) as caught:
        Engines(tmp_path).start()
    assert "DATABASE_URL" in caught.value.message
    assert "initialized by PostgreSQL version 17" in caught.value.message
    assert psutil.Process().children() == children
    version.write_text("18\n")
    _work(tmp_path)


@pytest.mark.parametrize(("kind", "variable"), [("postgres", "DATABASE_URL"), ("valkey", "REDIS_URL")])
def test_a_missing_wheel_is_named_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, variable: str
) -> None:
    monkeypatch.setattr(binaries, "find_spec", lambda _: None)
    with pytest.raises(StartupError, match=f"set {variable} to a server of your own"):
        Engines(tmp_path, postgres=kind == "postgres", valkey=kind == "valkey").start()


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupError, match=r"cannot use .*file/data"):
        Engines(tmp_path / "file" / "data").start()
