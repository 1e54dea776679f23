"""Why ``CELERY_WORKER_PREFETCH_MULTIPLIER`` is 1: short tasks behind two long ones, on three workers with one slot."""

import time
from contextlib import ExitStack

from app.settings import Settings
from benchmarks.harness.stack import run_servers
from benchmarks.queues.no_ops import connect_plain, fetch_plain, run_plain_worker, send_plain
from benchmarks.report.figures import Figure, percentile

_LONG_SECONDS, _SHORT = 3.0, 40


def measure() -> list[Figure]:
    """Measure plain Celery with 1 and with 4 prefetched messages for each slot."""
    with run_servers() as settings:
        waits = {prefetch: _measure(settings, prefetch) for prefetch in (1, 4)}
    return [
        Figure(f"prefetch {prefetch}: {name} wait", percentile(found, share), "ms")
        for prefetch, found in waits.items()
        for name, share in (("p50", 0.5), ("p99", 0.99))
    ]


def _measure(settings: Settings, prefetch: int) -> list[float]:
    with ExitStack() as stack:
        for number in range(3):
            stack.enter_context(run_plain_worker(settings, slots=1, prefetch=prefetch, name=f"plain{number}"))
        celery = stack.enter_context(connect_plain(settings))
        long = [send_plain(celery, "occupy", _LONG_SECONDS) for _ in range(2)]
        short = [(time.time(), send_plain(celery, "note_start")) for _ in range(_SHORT)]
        waits = [(fetch_plain(celery, task_id) - sent) * 1000 for sent, task_id in short]
        for task_id in long:
            fetch_plain(celery, task_id)
        return waits
