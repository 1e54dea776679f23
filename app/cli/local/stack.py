"""The whole stack on one machine: servers, schema, key, API, workers and Beat."""

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from app.bootstrap import build_services, prepare_database
from app.celery_app import create_celery
from app.cli.local import WORKERS
from app.cli.local.listener import get_port, open_listeners
from app.cli.local.parts import Parts, api_parts, beat_part, get_stop_timeout, worker_part
from app.cli.output import say
from app.cli.running import make_url
from app.domain.errors import StartupError
from app.embedded.running import Servers, open_servers
from app.settings import Settings, reveal

_READY_SECONDS = 600.0
"""A part that fails ends the wait at once, so only a busy machine needs the time."""
_NOTICE_SECONDS = 20.0
_POLL_SECONDS = (0.05, 1.0)
"""Between two looks at the API: before the first notice, and after it."""


class Stack:
    """A running stack. ``secret`` is the first API key, if this start created it."""

    def __init__(self, servers: Servers, parts: Parts, secret: str | None) -> None:
        self.settings = servers.settings
        self.secret = secret
        self._servers = servers
        self._parts = parts

    def watch(self) -> None:
        """Restart servers and parts that have died, and print a line for each."""
        for name in self._servers.restart_dead():
            say(f"{name} died and was started again")
        self._parts.watch()

    def wait_until_ready(self) -> float:
        """Wait until the API and every worker are ready; returns the seconds that took.

        Raises:
            StartupError: they are not ready within ten minutes, or one of them died.
        """
        began, notices = time.monotonic(), 0
        url = f"{make_url(self.settings.host, self.settings.port)}/readyz"
        while time.monotonic() - began < _READY_SECONDS:
            if dead := self._parts.find_dead():
                raise StartupError(f"{dead[0][0].part.name} exited with {dead[0][1]} while starting.")
            answer = _read_readiness(url)
            if answer.get("workers", 0) >= len(WORKERS):
                return time.monotonic() - began
            if time.monotonic() - began > (notices + 1) * _NOTICE_SECONDS:
                notices += 1
                reason = _describe_delay(answer.get("down", []))
                say(f"Not ready after {notices * _NOTICE_SECONDS:.0f} s: {reason} Still waiting.")
            time.sleep(_POLL_SECONDS[notices > 0])
        raise StartupError(f"The stack was not ready within {_READY_SECONDS:.0f} s. The lines above show why.")


def _read_readiness(url: str) -> dict[str, Any]:
    """What ``/readyz`` answers; empty while the API does not listen."""
    try:
        answer: dict[str, Any] = httpx.get(url, timeout=30, trust_env=False).json()
    except (httpx.HTTPError, ValueError):
        return {}
    return answer


def _describe_delay(down: Sequence[str]) -> str:
    if not down:
        return "the machine is busy."
    return f"unavailable: {', '.join(down)}. The lines above say why; `./sluice doctor` says how to fix it."


@contextmanager
def run_stack(settings: Settings, log: Path | None = None) -> Iterator[Stack]:
    """Run the whole stack for the block. Servers that the settings do not name are embedded.

    Args:
        settings: The settings.
        log: The file for the parts' output; None for this process's output.

    Raises:
        StartupError: the port is in use, a server does not answer, or the data folder is in use.
    """
    listeners = open_listeners(settings)
    settings = settings.model_copy(update={"port": get_port(listeners)})
    with open_servers(settings, share=False) as servers:
        resolved = servers.settings
        # The parts read their settings from the environment, as they do on separate hosts.
        os.environ["DATABASE_URL"], os.environ["REDIS_URL"] = resolved.database_url or "", resolved.redis_url or ""
        os.environ["DATA_DIR"], os.environ["PORT"] = str(resolved.data_dir), str(resolved.port)
        secret = asyncio.run(_prepare(resolved))
        workers = [worker_part(resolved, name) for name in WORKERS]
        parts = [*api_parts(resolved, listeners), *workers, beat_part(resolved)]
        with Parts(parts, say, stop_timeout=get_stop_timeout(resolved), log=log) as running:
            yield Stack(servers, running, secret)


async def _prepare(settings: Settings) -> str | None:
    await prepare_database(settings)
    services = build_services(settings, create_celery(settings), connections=2, parsers=1)
    try:
        await services.indexing.vector_indexes.ensure()
        return await services.tenants.identities.bootstrap(reveal(settings.bootstrap_api_key))
    finally:
        await services.close()
