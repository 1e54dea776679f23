"""procrastinate: a queue in Postgres; one asyncio worker, four jobs at a time, ended jobs are kept."""

import asyncio
import os
import sys
from importlib import import_module
from typing import Any


async def _do_nothing() -> None:
    """Do nothing."""


def _make_app() -> tuple[Any, Any]:
    procrastinate = import_module("procrastinate")
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=os.environ["DATABASE_URL"]))
    return app, app.task(name="no_op")(_do_nothing)


async def _run(command: str, count: int) -> None:
    app, no_op = _make_app()
    async with app.open_async():
        if command == "prepare":
            await app.schema_manager.apply_schema_async()
        elif command == "publish":
            for _ in range(count):
                await no_op.defer_async()
        else:
            await app.run_worker_async(concurrency=4)


if __name__ == "__main__":
    asyncio.run(_run(sys.argv[1], int(sys.argv[2])))
