"""Where the embedded servers of a data folder are to be found, for the other processes that use it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from app.embedded.engines import Engines, EngineUrls
from app.settings import Settings

_FILE = "engines.json"


def announce(data_dir: Path, urls: EngineUrls) -> None:
    """Write down where the servers that this process started are."""
    record = {
        "pid": psutil.Process().pid,
        "started": psutil.Process().create_time(),
        "database_url": urls.database_url,
        "redis_url": urls.redis_url,
    }
    (data_dir / _FILE).write_text(json.dumps(record))


def find_running(data_dir: Path) -> EngineUrls | None:
    """The servers of a process that still runs; None when there are none."""
    try:
        record = json.loads((data_dir / _FILE).read_text())
        if psutil.Process(record["pid"]).create_time() != record["started"]:
            return None
    except (FileNotFoundError, psutil.NoSuchProcess, ValueError):
        return None
    return EngineUrls(record["database_url"], record["redis_url"])


def resolve_settings(settings: Settings) -> Settings:
    """The settings, with the addresses of this data folder's running servers where none were given."""
    if settings.database_url and settings.redis_url:
        return settings
    running = find_running(settings.data_dir)
    return _fill_in(settings, running) if running else settings


class Servers:
    """The servers to use, and those of them that are ours to look after."""

    def __init__(self, settings: Settings, engines: Engines | None = None) -> None:
        self.settings = settings
        self._engines = engines

    def revive(self) -> list[str]:
        """Start again each of our servers that has died; returns their names. Their addresses stay."""
        if self._engines is None:
            return []
        dead = self._engines.poll()
        for name in dead:
            self._engines.restart(name)
        return dead


@contextmanager
def borrow_servers(settings: Settings, *, share: bool = True) -> Iterator[Servers]:
    """Servers with every address known: given ones, those that run on the data folder, or ones for this block.

    Raises:
        StartupError: when they do not come up, or, unless ``share``, when another process has the data folder.
    """
    resolved = resolve_settings(settings) if share else settings
    if resolved.database_url and resolved.redis_url:
        yield Servers(resolved)
        return
    postgres, valkey = settings.database_url is None, settings.redis_url is None
    with Engines(settings.data_dir, postgres=postgres, valkey=valkey) as engines:
        announce(settings.data_dir, engines.urls)
        yield Servers(_fill_in(settings, engines.urls), engines)


def _fill_in(settings: Settings, urls: EngineUrls) -> Settings:
    return settings.model_copy(
        update={
            "database_url": settings.database_url or urls.database_url,
            "redis_url": settings.redis_url or urls.redis_url,
        }
    )
