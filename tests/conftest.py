"""Real servers for every test: embedded ones, or those that DATABASE_URL and REDIS_URL name."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from app.bootstrap import prepare_database
from app.embedded import Engines, EngineUrls
from app.settings import Settings, load_settings
from tests.running import Stack

CORPUS = Path(__file__).parents[2] / "shared" / "corpus"
_DATABASES = 16  # that a Redis has by default


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what reads the corpus where there is none."""
    if not CORPUS.is_dir():
        for item in items:
            if item.get_closest_marker("corpus"):
                item.add_marker(pytest.mark.skip(reason="the corpus is not here"))


@pytest.fixture(scope="session", autouse=True)
def _clean_environment() -> Iterator[None]:
    """Tests say what they set; no ``.env`` and no variable of the developer's shell speaks for them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in Settings.model_fields:
            patch.delenv(name.upper(), raising=False)
        patch.setitem(Settings.model_config, "env_file", None)
        yield


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineUrls]:
    """A Postgres and a Valkey or Redis."""
    database_url, redis_url = _GIVEN
    if database_url and redis_url:
        yield EngineUrls(database_url, redis_url)
        return
    with Engines(tmp_path_factory.mktemp("servers")) as engines:
        yield engines.urls


_GIVEN = (os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL"))  # read before the environment is cleaned


def _with_database(url: str, name: str) -> str:
    head, _, query = url.partition("?")
    return f"{head.rsplit('/', 1)[0]}/{name}" + (f"?{query}" if query else "")


def _with_redis_database(url: str, number: int) -> str:
    parts = urlsplit(url)
    if parts.scheme == "redis+socket":
        return f"{url.partition('?')[0]}?virtual_host={number}"
    return parts._replace(path=f"/{number}").geturl()


def execute(url: str, *statements: str) -> None:
    """Run statements on a connection of their own."""

    async def run() -> None:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


@pytest.fixture(scope="session")
def template(servers: EngineUrls) -> Iterator[str]:
    """The name of a migrated database that each test gets a copy of."""
    name = f"sluice_template_{os.getpid()}"
    execute(servers.database_url, f'CREATE DATABASE "{name}"')
    asyncio.run(prepare_database(load_settings(database_url=_with_database(servers.database_url, name))))
    yield name
    execute(servers.database_url, f'DROP DATABASE "{name}" WITH (FORCE)')


_made = 0


def _make_database(servers: EngineUrls, template: str) -> Iterator[tuple[str, str]]:
    global _made  # noqa: PLW0603 - numbers the databases of this run
    _made += 1
    name = f"sluice_test_{os.getpid()}_{_made}"
    execute(servers.database_url, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    # Stacks that live at the same time must not hear each other's bells.
    yield _with_database(servers.database_url, name), _with_redis_database(servers.redis_url, _made % _DATABASES)
    execute(servers.database_url, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def make_database(servers: EngineUrls, template: str) -> Callable[[], AbstractContextManager[tuple[str, str]]]:
    """Makes fresh databases, for stacks that several modules share: within the block, the URLs of both servers."""
    return lambda: contextmanager(_make_database)(servers, template)


@pytest.fixture
def settings(servers: EngineUrls, template: str, tmp_path: Path) -> Iterator[Settings]:
    """Settings on a fresh database."""
    for database_url, redis_url in _make_database(servers, template):
        yield load_settings(database_url=database_url, redis_url=redis_url, data_dir=tmp_path / "data")


@pytest.fixture
def stack(settings: Settings) -> Iterator[Stack]:
    """A Sluice whose API and workers a test starts, kills and starts again as real processes."""
    with Stack(settings) as running:
        yield running


@pytest.fixture(scope="module")
def shared_stack(servers: EngineUrls, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running Sluice, API and one worker of each queue, for the tests of a module that leave it standing."""
    for database_url, redis_url in _make_database(servers, template):
        folder = tmp_path_factory.mktemp("data")
        with Stack(load_settings(database_url=database_url, redis_url=redis_url, data_dir=folder)) as running:
            running.start_api()
            running.start_workers()
            yield running


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real documents; tests that use it are marked ``corpus``."""
    return CORPUS
