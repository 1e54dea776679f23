"""The addresses of the embedded servers of a data folder, for other processes that use the folder."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from app.embedded.engines import Engines, EngineUrls
from app.embedded.folders import ADDRESSES, is_data_folder_locked
from app.embedded.postgres import Postgres
from app.private_files import write_private
from app.settings import Settings


def write_addresses(data_dir: Path, urls: EngineUrls) -> None:
    """Write the addresses of the servers that this process started."""
    write_private(data_dir / ADDRESSES, json.dumps(asdict(urls)))


def find_running(data_dir: Path) -> EngineUrls | None:
    """The addresses of running servers; None if no process runs servers on the folder, or they are still starting.

    The lock on the folder shows whether such a process runs. Its id and start time would not: the system reuses ids,
    and start times change when the clock is set.
    """
    try:
        record = json.loads((data_dir / ADDRESSES).read_text())
        urls = EngineUrls(record["database_url"], record["redis_url"])
    except (FileNotFoundError, ValueError, LookupError):
        return None
    return urls if is_data_folder_locked(data_dir) else None


def has_database(data_dir: Path) -> bool:
    """Whether the data folder has the data of an embedded Postgres, whether it runs or not."""
    return (data_dir / Postgres.name / "PG_VERSION").is_file()


def resolve_settings(settings: Settings) -> Settings:
    """Fill in missing addresses with those of the servers that run on the data folder, if any do."""
    if settings.database_url and settings.redis_url:
        return settings
    running = find_running(settings.data_dir)
    return _fill_in(settings, running) if running else settings


class Servers:
    """The servers to use, and the embedded ones among them that this process must restart when they die."""

    def __init__(self, settings: Settings, engines: Engines | None = None) -> None:
        self.settings = settings
        self._engines = engines

    def restart_dead(self) -> list[str]:
        """Restart each embedded server that has died, at the same address; returns their names."""
        if self._engines is None:
            return []
        dead = self._engines.poll()
        for name in dead:
            self._engines.restart(name)
        return dead


@contextmanager
def open_servers(settings: Settings, *, share: bool = True) -> Iterator[Servers]:
    """Find or start every server that the settings need.

    Those that the settings name are used, else those that run on the data folder, else embedded ones for this block.

    Args:
        settings: The settings; addresses may be missing.
        share: Whether to use servers that another process runs on the data folder.

    Raises:
        StartupError: a server does not start, or (unless ``share``) another process uses the data folder.
    """
    resolved = resolve_settings(settings) if share else settings
    if resolved.database_url and resolved.redis_url:
        yield Servers(resolved)
        return
    postgres, valkey = settings.database_url is None, settings.redis_url is None
    with Engines(settings.data_dir, postgres=postgres, valkey=valkey) as engines:
        write_addresses(settings.data_dir, engines.urls)
        yield Servers(_fill_in(settings, engines.urls), engines)


def _fill_in(settings: Settings, urls: EngineUrls) -> Settings:
    return settings.model_copy(
        update={
            "database_url": settings.database_url or urls.database_url,
            "redis_url": settings.redis_url or urls.redis_url,
        }
    )
