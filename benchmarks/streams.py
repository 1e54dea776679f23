"""Two thousand event streams on one API process: its memory, and the time from a task's end to its event.

Each stream follows a task of its own. A worker ends some of the tasks, some every second.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from datetime import datetime

import asyncpg
import psutil

from app.domain.tasks import Queue, TaskName
from app.settings import Settings
from benchmarks.harness.processes import Kind, list_processes
from benchmarks.harness.stack import KEY, run_program, run_servers, wait_for_workers
from benchmarks.harness.work import fetch, make_agents
from benchmarks.queues.backlog import FILL
from benchmarks.report.figures import Figure, percentile

_STREAMS, _EVENTS, _EVENTS_A_SECOND, _OPENING = 2000, 200, 20, 8
_POSTPONE = "UPDATE tasks SET available_at = now() + interval '1 hour' RETURNING id::text"
_RELEASE = "UPDATE tasks SET available_at = now() WHERE id = ANY ($1::uuid[])"


def measure() -> list[Figure]:
    """Open the streams, then let a worker end tasks."""
    # Behind a proxy, as here, the number of connections of one address is not limited.
    with run_servers() as settings, run_program(settings, "main.py", "api", FORWARDED_ALLOW_IPS="127.0.0.1"):
        wait_for_workers(settings, 0)
        before = _weigh_api()
        fetch(settings, FILL, make_agents(settings, 20), TaskName.PING.value, Queue.HIGH.value, _STREAMS)
        ids = [row["id"] for row in fetch(settings, _POSTPONE)]
        with run_program(settings, "main.py", "worker", "high"):
            wait_for_workers(settings, 1)
            after, ends = asyncio.run(_follow_all(settings, ids))
    delays = [end for end in ends if end is not None]
    return [
        Figure("streams that the API ended early", len(ends) - len(delays), "", at_most=0),
        Figure(f"API process, {_STREAMS:,} event streams (PSS)", after, "MB", at_most=300),
        Figure("the same, without streams", before, "MB"),
        Figure(f"end of a task → event, {_STREAMS:,} streams: p50", percentile(delays, 0.5), "ms"),
        Figure(f"end of a task → event, {_STREAMS:,} streams: p95", percentile(delays, 0.95), "ms", at_most=50),
    ]


def _weigh_api() -> float:
    """Megabytes of the API process, with pages shared between processes counted once."""
    pids = [process.pid for process in list_processes() if process.kind is Kind.API]
    return sum(psutil.Process(pid).memory_full_info().pss for pid in pids) / 2**20


async def _follow_all(settings: Settings, ids: Sequence[str]) -> tuple[float, list[float | None]]:
    """Follow every task; returns the megabytes of the API, and the delays of the ends in milliseconds."""
    opening = asyncio.Semaphore(_OPENING)
    streams = await asyncio.gather(*(_open(settings.port, task_id, opening) for task_id in ids))
    try:
        weight = _weigh_api()
        ends = [asyncio.ensure_future(_read_end(reader)) for reader, _ in streams[:_EVENTS]]
        database = await asyncpg.connect(settings.database_url)
        for first in range(0, _EVENTS, _EVENTS_A_SECOND):
            await database.execute(_RELEASE, ids[first : first + _EVENTS_A_SECOND])
            await asyncio.sleep(1)
        await database.close()
        return weight, list(await asyncio.wait_for(asyncio.gather(*ends), 60))
    finally:
        for _, writer in streams:
            writer.close()


async def _open(
    port: int, task_id: str, opening: asyncio.Semaphore
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open the stream of a task, and read the event of its present state."""
    async with opening:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = (f"GET /api/v1/tasks/{task_id}/events HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {KEY}")
        writer.write("\r\n".join([*head, "", ""]).encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer.decode())
        await reader.readuntil(b"\n\n")
        return reader, writer


async def _read_end(reader: asyncio.StreamReader) -> float | None:
    """Read events up to the last one; returns the milliseconds from the end of the task to its arrival.

    None if the API ended the stream before, after which a client would connect again.
    """
    try:
        while b"event: end" not in (event := await reader.readuntil(b"\n\n")):
            pass
    except asyncio.IncompleteReadError:
        return None
    received = time.time()
    data = json.loads(event.partition(b"data: ")[2].splitlines()[0])
    return 1000 * (received - datetime.fromisoformat(data["completed_at"]).timestamp())
