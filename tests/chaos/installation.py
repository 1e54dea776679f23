"""A complete installation: embedded servers, the API, and two hosts with workers, restarted by a service manager."""

import asyncio
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from app.bootstrap import prepare_database
from app.cli.local import WORKERS
from app.domain.errors import StartupError
from app.embedded import Engines
from app.embedded.valkey import Valkey
from app.settings import Settings, load_settings
from tests.chaos import journal
from tests.chaos.ledger import Ledger
from tests.chaos.plan import HOSTS, Options
from tests.chaos.service import Service
from tests.deadlines import deadline
from tests.running import KEY

_API = "api"
_LOOK_SECONDS = 0.1
_STARTS_SECONDS = 90.0

# No sound task may become a dead letter only because its process was killed often.
_PATIENCE = {"TASK_MAX_CRASHES": "50", "TASK_MAX_RETRIES": "50", "TASK_RETRY_BACKOFF_MAX": "4"}
_SLOTS = {
    "WORKER_CONCURRENCY_HIGH": "2",
    "WORKER_CONCURRENCY_MEDIUM": "2",
    "WORKER_CONCURRENCY_LOW": "2",
    "WORKER_CONCURRENCY_DEFAULT": "1",
}


class Installation:
    """The real programs, in ``folder``. Within the block they run, and those that die are restarted.

    ``troubles`` holds the failures of the service manager; ``left_behind`` the processes that outlived
    their program once everything was stopped.
    """

    def __init__(self, folder: Path, options: Options) -> None:
        self.log = folder / "parts.log"
        self.data_dir = folder / "data"
        self.troubles: list[str] = []
        self.left_behind: list[str] = []
        self.broker_folder = folder / "engines" / Valkey.name
        self._engines = Engines(folder / "engines")
        self._engines_held = threading.Lock()
        self._options = options
        self._port = _find_port()
        self._stopping = threading.Event()
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            urls = stack.enter_context(self._engines).urls
            self.redis_url = urls.redis_url
            self.ledger = Ledger(urls.database_url)
            self.data_dir.mkdir(parents=True, exist_ok=True)
            asyncio.run(prepare_database(load_settings(database_url=urls.database_url, _env_file=None)))
            journal.install(self.ledger, (_API, *HOSTS))
            self._start_services(urls.database_url)
            stack.callback(self._stop_services)
            self._watch()
            stack.callback(self._stopping.set)
            self._wait_until_ready()
            self._open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open.close()

    def open_client(self) -> httpx.Client:
        """A client of the API, below ``/api/v1``."""
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self._port}/api/v1",
            headers={"Authorization": f"Bearer {KEY}"},
            timeout=30,
            trust_env=False,
        )

    def is_whole(self, seconds: float) -> bool:
        """Whether the API answers and every worker of every host holds a lease within that time."""
        end = time.monotonic() + deadline(seconds)
        while self.describe_parts().get("workers") != len(HOSTS) * len(WORKERS):
            if time.monotonic() > end:
                return False
            time.sleep(_LOOK_SECONDS)
        return True

    def describe_parts(self) -> dict[str, Any]:
        """The body of ``/readyz``; empty while the API does not answer."""
        url = f"http://127.0.0.1:{self._port}/readyz"
        try:
            body: dict[str, Any] = httpx.get(url, timeout=10, trust_env=False).json()
        except (httpx.TransportError, ValueError):
            return {}
        return body

    @contextmanager
    def holding_engines(self) -> Iterator[Engines]:
        """The servers, which the service manager does not restart within the block."""
        with self._engines_held:
            yield self._engines

    def _start_services(self, database_url: str) -> None:
        commands = {_API: ["main.py", "api"], **{host: ["-m", "tests.chaos.host", host] for host in HOSTS}}
        self.services = {
            name: Service(name, [sys.executable, *command], self._list_environment(database_url, name), self.log)
            for name, command in commands.items()
        }
        for service in self.services.values():
            service.start()

    def _stop_services(self) -> None:
        for thread in self._watchers:
            thread.join()
        for service in self.services.values():
            self.left_behind += service.stop()

    def _list_environment(self, database_url: str, role: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
        return {
            **kept,
            **_PATIENCE,
            **_SLOTS,
            "DATABASE_URL": database_url.replace("//sluice@", f"//{role}@"),
            "REDIS_URL": self.redis_url,
            "DATA_DIR": str(self.data_dir),
            "PORT": str(self._port),
            "BOOTSTRAP_API_KEY": KEY,
            "CELERY_LOG_LEVEL": "WARNING",
            "WORKER_LEASE_SECONDS": str(self._options.lease),
            "WEB_ALLOWED_HOSTS": "127.0.0.1",
        }

    def _watch(self) -> None:
        # Two threads, because a server that starts slowly must not delay the restart of the programs.
        self._watchers = [
            threading.Thread(target=self._repeat, args=(look,))
            for look in (self._revive_engines, self._revive_services)
        ]
        for thread in self._watchers:
            thread.start()

    def _repeat(self, look: Callable[[], None]) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            look()

    def _revive_engines(self) -> None:
        with self._engines_held:
            for name in self._engines.poll():
                try:
                    self._engines.restart(name)
                except StartupError as error:
                    self.troubles.append(error.message)

    def _revive_services(self) -> None:
        for service in self.services.values():
            service.revive()

    def _wait_until_ready(self) -> None:
        if not self.is_whole(_STARTS_SECONDS):
            raise StartupError(f"Not every part came up within {_STARTS_SECONDS:g} s; {self.log} tells more.")


def _find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
