"""Commands that run: up, api, worker, migrate."""

import asyncio
import signal
import sys
import time
from types import FrameType
from typing import Annotated

import typer

from app.bootstrap import (
    check_choices,
    check_index,
    check_storage,
    choose_blobs,
    find_schema_differences,
    prepare_database,
)
from app.celery_app import check_broker
from app.cli.parts import Parts, api_part, choose_patience, worker_part
from app.cli.stack import WORKERS, check_port, run_stack, say
from app.domain.errors import PartDiedError
from app.embedded.running import open_servers, resolve_settings
from app.logs import configure_logs
from app.settings import Settings, load_settings

_POLL_SECONDS = 0.2


class Stopped(Exception):  # noqa: N818 - not an error: the wish of whoever runs it
    """SIGINT or SIGTERM came."""


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise Stopped


def listen_for_stop() -> None:
    """Turn SIGINT and SIGTERM into ``Stopped``."""
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)


def up() -> None:
    """Run the whole stack until Ctrl-C. Data stays in DATA_DIR."""
    settings = load_settings()
    configure_logs(settings)
    check_choices(settings)
    listen_for_stop()
    try:
        with run_stack(settings) as stack:
            seconds = stack.wait_until_ready()
            say(f"\nSluice is ready ({seconds:.1f} s): http://{settings.host}:{settings.port}/docs")
            if stack.secret:
                say(f"Your API key, shown only now: {stack.secret}")
            say("Ctrl-C stops it.\n")
            while True:
                stack.watch()
                time.sleep(_POLL_SECONDS)
    except Stopped:
        say("Stopped.")


def api() -> None:
    """Run the HTTP API alone."""
    settings = load_settings()
    configure_logs(settings)
    check_choices(settings)
    check_port(settings)
    listen_for_stop()
    try:
        # Started here, the servers of the data folder serve every process of the API.
        with open_servers(settings) as servers:
            asyncio.run(_check_start(servers.settings))
            api_part(settings).run()
    except Stopped:
        say("Stopped.")
    except SystemExit as ended:
        sys.exit(1 if ended.code else 0)


def worker(
    queues: Annotated[list[str] | None, typer.Argument(help="high, medium, low, default; none: all.")] = None,
) -> None:
    """Run one worker a queue until TERM, which lets running tasks finish. Exits with 1 if a worker dies."""
    settings = load_settings()
    configure_logs(settings)
    check_choices(settings)
    check_broker(resolve_settings(settings))
    asyncio.run(_check_start(resolve_settings(settings)))
    listen_for_stop()
    try:
        workers = [worker_part(settings, name) for name in queues or WORKERS]
        with Parts(workers, say, patience=choose_patience(settings)) as parts:
            while not (dead := parts.find_dead()):
                time.sleep(_POLL_SECONDS)
            raise PartDiedError(f"{dead[0][0].part.name} exited with {dead[0][1]}.")
    except Stopped:
        say("Stopped.")


def migrate(
    check: Annotated[bool, typer.Option("--check", help="Only tell whether schema and code agree.")] = False,
) -> None:
    """Bring the database up to this version's schema."""
    with open_servers(load_settings()) as servers:
        asyncio.run(prepare_database(servers.settings))
        if check and (differences := asyncio.run(find_schema_differences(servers.settings))):
            for difference in differences:
                say(difference)
            sys.exit(1)
    say("The schema is up to date.")


async def _check_start(settings: Settings) -> None:
    """Find out before processes are forked what would keep each of them from starting."""
    await check_storage(choose_blobs(settings))
    await check_index(settings)


def add_to(program: typer.Typer) -> None:
    """Register the commands."""
    for command in (up, api, worker, migrate):
        program.command()(command)
