"""The whole stack on one machine: servers, schema, key, API and workers."""

import asyncio
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from app.bootstrap import build_services, prepare_database
from app.celery_app import create_celery
from app.cli.parts import Parts, api_part, worker_part
from app.domain.errors import StartupError
from app.embedded.running import borrow_engines
from app.settings import Settings

WORKERS = ("high", "medium", "low", "default")
_READY_SECONDS = 60.0


@contextmanager
def run_stack(
    settings: Settings, say: Callable[[str], None], log: Path | None = None
) -> Iterator[tuple[Settings, Parts, str | None]]:
    """Run everything for the block: the settings with all addresses, the parts, and a first key if one was made.

    Args:
        settings: The settings; servers without an address are started too.
        say: Takes a line for people.
        log: Where the parts' output goes; else it mixes with ours.

    Raises:
        StartupError: when the port is taken, a server does not answer, or the data folder is in use.
    """
    check_port(settings)
    with borrow_engines(settings) as resolved:
        # The parts read their settings from the environment, as they would on hosts of their own.
        os.environ["DATABASE_URL"], os.environ["REDIS_URL"] = resolved.database_url or "", resolved.redis_url or ""
        os.environ["DATA_DIR"], os.environ["PORT"] = str(resolved.data_dir), str(resolved.port)
        secret = asyncio.run(_prepare(resolved))
        parts = [api_part(resolved), *(worker_part(resolved, name) for name in WORKERS)]
        with Parts(parts, say, log) as running:
            yield resolved, running, secret


async def _prepare(settings: Settings) -> str | None:
    await prepare_database(settings)
    services = build_services(settings, create_celery(settings), connections=2, parsers=1)
    try:
        return await services.identities.bootstrap(settings.bootstrap_api_key)
    finally:
        await services.close()


def check_port(settings: Settings) -> None:
    """Find out now whether the API's port is free.

    Raises:
        StartupError: when it is not.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise StartupError(f"Port {settings.port} on {settings.host} cannot be had: {error.strerror}.") from error


def wait_until_ready(settings: Settings, parts: Parts) -> float:
    """Wait for the API and every worker; returns after how many seconds they were ready.

    Raises:
        StartupError: when they are not within a minute, or one dies.
    """
    began = time.monotonic()
    url = f"http://{settings.host}:{settings.port}/readyz"
    while time.monotonic() - began < _READY_SECONDS:
        if dead := parts.find_dead():
            raise StartupError(f"{dead[0][0].part.name} ended with {dead[0][1]} while starting.")
        try:
            if httpx.get(url, timeout=5, trust_env=False).json().get("workers", 0) >= len(WORKERS):
                return time.monotonic() - began
        except (httpx.HTTPError, ValueError):
            pass  # not listening yet
        time.sleep(0.05)
    raise StartupError("The stack was not ready within a minute; see the lines above.")


def say(line: str) -> None:
    """A line for people."""
    sys.stderr.write(f"{line}\n")
