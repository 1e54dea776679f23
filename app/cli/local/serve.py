"""Runs the servers: the whole stack, the API, workers, or Beat."""

import asyncio
import socket
import sys
import time
from collections.abc import Sequence

from app.bootstrap import (
    check_choices,
    check_index,
    check_schema,
    check_storage,
    choose_blobs,
    prepare_database,
)
from app.celery_app import check_broker
from app.cli.local.command_key import serve_commands
from app.cli.local.listener import open_listeners
from app.cli.local.parts import STARTUP_FAILURE, Parts, api_parts, beat_part, get_stop_timeout, serve, worker_part
from app.cli.local.stack import run_stack
from app.cli.local.stop import Stopped, listen_for_stop
from app.cli.local.unknown_names import warn_of_unknown_names
from app.cli.output import CommandError, say
from app.cli.running import make_url, read_running
from app.domain.errors import PartDiedError
from app.embedded.running import open_servers, resolve_settings
from app.logs import configure_logs
from app.settings import Settings, load_settings

_POLL_SECONDS = 0.2
_API_STOP_SECONDS = 10.0


def run_up() -> None:
    """Run the whole stack until Ctrl-C.

    Raises:
        CommandError: it runs already.
    """
    settings = load_settings()
    configure_logs(settings)
    warn_of_unknown_names()
    if running := read_running(settings.data_dir):
        raise CommandError(
            f"Sluice already runs on {settings.data_dir}: {running.url}/docs. "
            "Commands such as `./sluice tasks list` use it. `./sluice keys create NAME` makes an API key."
        )
    check_choices(settings)
    listen_for_stop()
    try:
        with run_stack(settings) as stack:
            seconds = stack.wait_until_ready()
            url = make_url(stack.settings.host, stack.settings.port)
            with serve_commands(stack.settings):
                say(f"\nSluice is ready ({seconds:.1f} s): {url}/docs")
                say(_describe_key(settings, stack.secret))
                say("Ctrl-C stops it.\n")
                while True:
                    stack.watch()
                    time.sleep(_POLL_SECONDS)
    except Stopped:
        say("Stopped.")


def _describe_key(settings: Settings, secret: str | None) -> str:
    if secret:
        return f"Your API key, shown only now: {secret}"
    if settings.bootstrap_api_key:
        return "The API key is that of BOOTSTRAP_API_KEY. `./sluice keys create NAME` makes another."
    return "API keys were made before and are not stored. `./sluice keys create NAME` makes another."


def run_api() -> None:
    """Run only the HTTP API."""
    settings = load_settings()
    configure_logs(settings)
    warn_of_unknown_names()
    check_choices(settings)
    listeners = open_listeners(settings)
    listen_for_stop()
    try:
        # The embedded servers start here, once for all processes of the API.
        with open_servers(settings) as servers:
            asyncio.run(_check_start(servers.settings, migrates=True))
            if settings.api_workers == 1:
                serve(settings, listeners)
            else:
                _run_apis(settings, listeners)
    except Stopped:
        say("Stopped.")
    except SystemExit as ended:
        sys.exit(1 if ended.code else 0)


def _run_apis(settings: Settings, listeners: Sequence[socket.socket]) -> None:
    """Run several processes of the API. One that dies is started again; one that cannot start ends all."""
    parts = api_parts(settings, listeners)
    with Parts(parts, say, stop_timeout=_API_STOP_SECONDS) as running:
        while True:
            for dead, code in running.find_dead():
                if code == STARTUP_FAILURE:
                    raise PartDiedError(f"{dead.part.name} could not start. The lines above show why.")
                running.restart(dead, code)
            time.sleep(_POLL_SECONDS)


def run_workers(queues: Sequence[str]) -> None:
    """Run one worker for each queue until SIGTERM.

    Raises:
        PartDiedError: a worker died.
    """
    settings = load_settings()
    configure_logs(settings)
    warn_of_unknown_names()
    check_choices(settings)
    check_broker(resolve_settings(settings))
    asyncio.run(_check_start(resolve_settings(settings), migrates=False))
    listen_for_stop()
    try:
        workers = [worker_part(settings, name) for name in queues]
        with Parts(workers, say, stop_timeout=get_stop_timeout(settings)) as parts:
            while not (dead := parts.find_dead()):
                time.sleep(_POLL_SECONDS)
            raise PartDiedError(f"{dead[0][0].part.name} exited with {dead[0][1]}.")
    except Stopped:
        say("Stopped.")


def run_beat() -> None:
    """Run Celery Beat in this process until SIGTERM.

    Raises:
        StartupError: no database is set, or it lacks this version's schema.
    """
    settings = resolve_settings(load_settings())
    configure_logs(settings)
    warn_of_unknown_names()
    asyncio.run(check_schema(settings))
    beat_part(settings).run()


async def _check_start(settings: Settings, *, migrates: bool) -> None:
    """Check once, before processes are forked, what would prevent each of them from starting.

    Args:
        settings: The settings.
        migrates: Whether to migrate the database, as the API does, rather than to check its schema.
    """
    await check_storage(choose_blobs(settings))
    await (prepare_database(settings) if migrates else check_schema(settings))
    await check_index(settings)
