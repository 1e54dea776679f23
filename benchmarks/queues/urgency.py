"""Wait of single documents of the high queue while the low queue is saturated."""

import httpx

from app.settings import Settings
from benchmarks.harness.stack import open_client, run_program, run_servers, wait_for, wait_for_workers
from benchmarks.harness.work import fetch, make_agents, make_text, upload, wait_for_end
from benchmarks.report.figures import Figure, percentile

_SINGLES, _LINES, _LONG_LINES, _LOW = 200, 20, 4000, 120
_WAITS = """
    SELECT extract(epoch FROM started_at - created_at)::float8 * 1000 AS wait FROM tasks WHERE id = ANY ($1::uuid[])
"""
_LOW_LEFT = """
    SELECT count(*) FILTER (WHERE state IN ('STARTED', 'PROGRESS')) AS running,
           count(*) FILTER (WHERE completed_at IS NULL) AS left
    FROM tasks WHERE queue = 'low_priority'
"""


def measure() -> list[Figure]:
    """Measure on an idle system, then with every slot of the low worker busy and more tasks waiting."""
    with (
        run_servers() as settings,
        run_program(settings, "main.py", "api"),
        run_program(settings, "main.py", "worker", "high", "low"),
        open_client(settings) as client,
    ):
        wait_for_workers(settings, 2)
        agent, low = make_agents(settings, 2)
        _send_singles(settings, client, agent)  # warm-up
        idle = _send_singles(settings, client, agent)
        for _ in range(_LOW):
            upload(client, low, "book.txt", make_text(_LONG_LINES), priority="low")
        slots = settings.worker_concurrency_low
        wait_for(lambda: fetch(settings, _LOW_LEFT)[0]["running"] == slots, "every low slot to be busy")
        busy = _send_singles(settings, client, agent)
        left = fetch(settings, _LOW_LEFT)[0]["left"]
        fetch(settings, "DELETE FROM tasks WHERE queue = 'low_priority' AND state IN ('PENDING', 'QUEUED')")
    if left < slots:
        raise RuntimeError("the low queue was empty before the last single document")
    allowed = 1.5 * percentile(idle, 0.95)
    return [
        Figure("high wait, idle: p50", percentile(idle, 0.5), "ms"),
        Figure("high wait, idle: p95", percentile(idle, 0.95), "ms"),
        Figure(f"high wait, {slots} low slots busy: p50", percentile(busy, 0.5), "ms"),
        Figure(f"high wait, {slots} low slots busy: p95", percentile(busy, 0.95), "ms", at_most=allowed),
    ]


def _send_singles(settings: Settings, client: httpx.Client, agent: int) -> list[float]:
    """Send documents, each after the previous one has ended; returns the wait of each in milliseconds."""
    sent = []
    for _ in range(_SINGLES):
        sent.append(upload(client, agent, "single.txt", make_text(_LINES)))
        wait_for_end(client, sent[-1])
    return [row["wait"] for row in fetch(settings, _WAITS, sent)]
