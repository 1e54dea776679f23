"""Starts and stops both embedded servers on one data folder."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from app.domain.errors import StartupError
from app.embedded.engine import Engine
from app.embedded.folders import lock_data_folder, open_run_folder
from app.embedded.postgres import Postgres
from app.embedded.process import ChildStarter
from app.embedded.valkey import Valkey


@dataclass(frozen=True, slots=True)
class EngineUrls:
    """The addresses of the servers; empty for a server that was not requested."""

    database_url: str
    """asyncpg takes it as it is; SQLAlchemy needs ``postgresql+asyncpg://…``."""
    redis_url: str
    """For kombu and Celery, as broker and result backend; ``app.adapters.redis.url`` translates it for redis-py."""


class Engines:
    """The embedded Postgres and Valkey, children of this process.

    They end with this process, however it ends. Only one process at a time can use a data folder.

    Args:
        data_dir: The folder of ``postgres/``, ``valkey/``, their logs and locks; made if it is missing.
        postgres: Whether to run Postgres.
        valkey: Whether to run Valkey.
    """

    def __init__(self, data_dir: Path, *, postgres: bool = True, valkey: bool = True) -> None:
        self._data_dir = data_dir.absolute()
        # Valkey first: it starts while Postgres prepares its files.
        self._kinds: list[type[Engine]] = [*([Valkey] if valkey else []), *([Postgres] if postgres else [])]
        self._engines: dict[str, Engine] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def urls(self) -> EngineUrls:
        """The addresses, which are the same after each start on the same folder."""
        found = {name: engine.url for name, engine in self._engines.items()}
        return EngineUrls(found.get(Postgres.name, ""), found.get(Valkey.name, ""))

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of the servers, by name."""
        return {name: engine.pid for name, engine in self._engines.items() if engine.pid is not None}

    def start(self) -> EngineUrls:
        """Start the servers and wait until they answer.

        Raises:
            StartupError: the folder is in use or cannot be used, or a server does not start. No server keeps running.
        """
        with _explain_errors(self._data_dir), ExitStack() as stack:
            self._start(stack)
            self._open = stack.pop_all()
        return self.urls

    def stop(self) -> None:
        """Stop the servers cleanly and release the folder. Does nothing if they do not run."""
        self._open.close()
        self._engines = {}

    def poll(self) -> list[str]:
        """The names of the servers that have died."""
        return [name for name, engine in self._engines.items() if engine.has_died()]

    def restart(self, name: str) -> None:
        """Start one server again, at the same address. If it still runs, it is stopped first.

        Raises:
            StartupError: the server does not start.
        """
        engine = self._engines[name]
        with _explain_errors(self._data_dir):
            engine.finish_stop()
            engine.launch()
            engine.wait_until_ready()

    def _start(self, stack: ExitStack) -> None:
        stack.enter_context(lock_data_folder(self._data_dir))
        run_dir = stack.enter_context(open_run_folder(self._data_dir))
        starter = stack.enter_context(ChildStarter())
        engines = [kind(self._data_dir, run_dir, starter) for kind in self._kinds]
        stack.callback(_stop_all, engines)
        for engine in engines:
            engine.launch()
        for engine in engines:
            engine.wait_until_ready()
        self._engines = {engine.name: engine for engine in engines}


@contextmanager
def _explain_errors(data_dir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StartupError(f"The embedded servers cannot use {data_dir}: {error}.") from error


def _stop_all(engines: list[Engine]) -> None:
    for engine in engines:
        engine.begin_stop()
    for engine in engines:
        engine.finish_stop()
