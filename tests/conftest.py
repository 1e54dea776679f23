"""Real servers for every test: embedded ones, or those that DATABASE_URL, REDIS_URL and CELERY_BROKER_URL name."""

import asyncio
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.bootstrap import prepare_database
from app.embedded import Engines, EngineUrls
from app.settings import Settings, load_settings
from tests.database import execute
from tests.deadlines import deadline
from tests.rabbitmq import SCHEMES, open_vhost
from tests.running import BROKERS, Stack

CORPUS = Path(__file__).parents[2] / "shared" / "corpus"
# With pytest-xdist, this process is one of several that each run a part of the suite.
_PROCESS = os.environ.get("PYTEST_XDIST_WORKER", "")
_PROCESSES = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
# This process's share of the databases that a Redis has by default.
_DATABASES = max(1, 16 // _PROCESSES)
_FIRST_DATABASE = int(_PROCESS.removeprefix("gw") or "0") * _DATABASES % 16
# pytest-xdist hands out the files in this order (--dist loadfile --no-loadscope-reorder in pyproject.toml): the folders
# whose files take longest come first, so that no process is left alone with a long file at the end. Files of a folder
# that share a stack follow each other, so each process starts at most one. Its mode loadgroup, which would keep such
# a folder in one process, does nothing with pytest 9.2: it writes Item._nodeid, and pytest reads Item._id.
_RANKS = {name: rank for rank, name in enumerate(("fuzz", "chaos", "system", "flows", "api", "cli"))}
# Read before the environment is cleaned.
_GIVEN = {name: os.environ.get(name) for name in ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL")}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests that read the corpus where there is none. Where processes share the suite, order its folders."""
    if not CORPUS.is_dir():
        for item in items:
            if item.get_closest_marker("corpus"):
                item.add_marker(pytest.mark.skip(reason="the corpus is not here"))
    if _PROCESS:
        items.sort(key=lambda item: _RANKS.get(item.path.parent.name, len(_RANKS)))


@pytest.hookimpl(wrapper=True, tryfirst=True)  # around pytest-timeout, which reads the marker
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Give each test more time where the machine is busy."""
    marker = item.get_closest_marker("timeout")
    seconds = float(marker.args[0] if marker else item.config.getoption("timeout") or item.config.getini("timeout"))
    item.add_marker(pytest.mark.timeout(deadline(seconds)), append=False)
    return (yield)


@pytest.fixture(scope="session", autouse=True)
def _clean_environment() -> Iterator[None]:
    """Keep ``.env`` and the developer's environment out of the tests' settings."""
    with pytest.MonkeyPatch.context() as patch:
        for name in Settings.model_fields:
            patch.delenv(name.upper(), raising=False)
        patch.setitem(Settings.model_config, "env_file", None)
        yield


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineUrls]:
    """A Postgres and a Valkey or Redis: those of the environment variables, or embedded ones."""
    database_url, redis_url = _GIVEN["DATABASE_URL"], _GIVEN["REDIS_URL"]
    folder = tmp_path_factory.mktemp("servers")
    with ExitStack() as stack:
        if not (database_url and redis_url):
            engines = Engines(folder, postgres=not database_url, valkey=not redis_url)
            embedded = stack.enter_context(engines).urls
            database_url, redis_url = database_url or embedded.database_url, redis_url or embedded.redis_url
        yield EngineUrls(database_url, redis_url)


def _with_database(url: str, name: str) -> str:
    head, _, query = url.partition("?")
    return f"{head.rsplit('/', 1)[0]}/{name}" + (f"?{query}" if query else "")


def _with_redis_database(url: str, number: int) -> str:
    parts = urlsplit(url)
    if parts.scheme == "redis+socket":
        return f"{url.partition('?')[0]}?virtual_host={number}"
    return parts._replace(path=f"/{number}").geturl()


@contextmanager
def _open_broker(name: str, number: int) -> Iterator[str | None]:
    """A virtual host or database of the given broker for one stack; None where the Redis is the broker."""
    url = _GIVEN["CELERY_BROKER_URL"]
    if url and urlsplit(url).scheme in SCHEMES:
        with open_vhost(url, name) as own:
            yield own
    else:
        yield _with_redis_database(url, number) if url else None


@pytest.fixture(scope="session")
def template(servers: EngineUrls) -> Iterator[str]:
    """The name of a migrated database, of which each test gets a copy."""
    name = f"sluice_template_{os.getpid()}"
    execute(servers.database_url, f'CREATE DATABASE "{name}"')
    # This fixture serves the whole session; there is no event loop yet.
    asyncio.run(prepare_database(load_settings(database_url=_with_database(servers.database_url, name))))
    yield name
    execute(servers.database_url, f'DROP DATABASE "{name}" WITH (FORCE)')


_made = 0


def _make_database(servers: EngineUrls, template: str) -> Iterator[tuple[str, str]]:
    global _made  # noqa: PLW0603 - numbers the databases of this run
    _made += 1
    name = f"sluice_test_{os.getpid()}_{_made}"
    execute(servers.database_url, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    # Stacks that run at the same time must not receive each other's messages.
    number = _FIRST_DATABASE + _made % _DATABASES
    made = _with_database(servers.database_url, name), _with_redis_database(servers.redis_url, number)
    with _open_broker(name, number) as broker_url:
        if broker_url:
            BROKERS[made] = broker_url
        yield made
    execute(servers.database_url, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def make_database(servers: EngineUrls, template: str) -> Callable[[], AbstractContextManager[tuple[str, str]]]:
    """Makes a context manager that yields the URLs of a fresh database and its Redis, for stacks that modules share."""
    return lambda: contextmanager(_make_database)(servers, template)


@pytest.fixture
def settings(servers: EngineUrls, template: str, tmp_path: Path) -> Iterator[Settings]:
    """Settings on a fresh database."""
    for database_url, redis_url in _make_database(servers, template):
        yield load_settings(
            database_url=database_url,
            redis_url=redis_url,
            celery_broker_url=BROKERS.get((database_url, redis_url)),
            data_dir=tmp_path / "data",
        )


@pytest.fixture
def stack(settings: Settings) -> Iterator[Stack]:
    """A stack whose API and workers the test itself starts and kills, as real processes."""
    with Stack(settings) as running:
        yield running


@pytest.fixture(scope="module")
def shared_stack(servers: EngineUrls, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack, an API and one worker for each queue, for a module whose tests do not stop it."""
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
