"""Wait of single documents while another agent floods the queue, compared with an idle system."""

import statistics
import time

import httpx

from app.settings import Settings
from benchmarks.harness.stack import open_client, run_program, run_servers, wait_for, wait_for_workers
from benchmarks.harness.work import fetch, make_agents, make_text, upload, wait_for_end
from benchmarks.queues.no_ops import connect_plain, fetch_plain, run_plain_worker, send_plain
from benchmarks.report.figures import Figure, percentile

_FLOOD, _SINGLES, _LINES = 5000, 30, 40
# The documents of the flood are copies of one row: upload speed is not measured here.
_COPY = """
    WITH copied AS (
        INSERT INTO documents (organization_id, agent_id, task_id, filename, media_type, size_bytes, sha256, blob_key)
        SELECT d.organization_id, d.agent_id, gen_random_uuid(), d.filename, d.media_type, d.size_bytes, d.sha256,
               d.blob_key
        FROM documents AS d, generate_series(1, $2::integer) WHERE d.task_id = $1
        RETURNING *
    )
    INSERT INTO tasks (id, organization_id, agent_id, document_id, name, queue)
    SELECT c.task_id, c.organization_id, c.agent_id, c.id, t.name, t.queue
    FROM copied AS c, tasks AS t WHERE t.id = $1
"""
_TIMES = """
    SELECT extract(epoch FROM started_at - created_at)::float8 * 1000 AS wait,
           extract(epoch FROM completed_at - started_at)::float8 * 1000 AS took
    FROM tasks WHERE id = ANY ($1::uuid[])
"""


def measure() -> list[Figure]:
    """Single documents on an idle system and during the flood; then both through one plain Celery queue."""
    with run_servers() as settings:
        with run_program(settings, "main.py", "api"), run_program(settings, "main.py", "worker", "high"):
            wait_for_workers(settings, 1)
            with open_client(settings) as client:
                flooding, single = make_agents(settings, 2)
                idle, _ = _send_singles(settings, client, single)
                _flood(settings, client, flooding)
                flooded, took = _send_singles(settings, client, single)
                left = fetch(settings, "SELECT count(*) AS n FROM tasks WHERE completed_at IS NULL")[0]["n"]
        plain = _measure_plain(settings, statistics.median(took) / 1000)
    if not left:
        raise RuntimeError("the flood ended before the last single document")
    task = statistics.median(took)
    allowed = round(2 * percentile(idle, 0.5) + task, 1)
    during = f"wait during {_FLOOD:,} of another agent"
    return [
        Figure("wait of a single document, idle: p50", percentile(idle, 0.5), "ms"),
        Figure("duration of a document during the flood: p50", task, "ms"),
        Figure(f"{during}: p50", percentile(flooded, 0.5), "ms", at_most=allowed),
        Figure(f"{during}, in one plain Celery queue", plain, "ms"),
        Figure(f"{during}: p95", percentile(flooded, 0.95), "ms"),
    ]


def _send_singles(settings: Settings, client: httpx.Client, agent: int) -> tuple[list[float], list[float]]:
    """Send documents, each after the previous one has ended; returns each one's wait and duration in milliseconds."""
    sent = []
    for _ in range(_SINGLES):
        sent.append(upload(client, agent, "single.txt", make_text(_LINES)))
        wait_for_end(client, sent[-1])
    rows = fetch(settings, _TIMES, sent)
    return [row["wait"] for row in rows], [row["took"] for row in rows]


def _flood(settings: Settings, client: httpx.Client, agent: int) -> None:
    first = upload(client, agent, "flood.txt", make_text(_LINES))
    wait_for_end(client, first)
    fetch(settings, _COPY, first, _FLOOD)
    query = "SELECT FROM tasks WHERE agent_id = $1 AND state IN ('STARTED', 'PROGRESS')"
    wait_for(lambda: len(fetch(settings, query, agent)) > 1, "the flood to start")


def _measure_plain(settings: Settings, task_seconds: float) -> float:
    """The milliseconds that a single task waits behind the flood in one plain Celery queue."""
    with run_plain_worker(settings, slots=settings.worker_concurrency_high), connect_plain(settings) as celery:
        for _ in range(_FLOOD):
            send_plain(celery, "occupy", task_seconds)
        sent, task_id = time.time(), send_plain(celery, "note_start")
        wait_for(lambda: celery.backend.get_state(task_id) == "SUCCESS", "the flood to end", seconds=900, pause=0.5)
        return float((fetch_plain(celery, task_id) - sent) * 1000)
