"""Processor time for each no-op and each document, by the kind of process that uses it.

``python -m benchmarks costs`` prints the figures. They depend little on the load of the machine, unlike times by the
clock. What an idle system uses in the same time is subtracted.
"""

import time
from collections.abc import Callable

from app.settings import Settings
from benchmarks.harness.processes import Kind, read_cpu
from benchmarks.harness.stack import open_client, run_program, run_servers, wait_for_workers
from benchmarks.harness.work import make_agents, make_uploader, run_tasks
from benchmarks.queues.no_ops import run_submitter
from benchmarks.report.figures import Figure

_NO_OPS, _DOCUMENTS, _SMALL, _IDLE_SECONDS = 500, 60, 100, 3.0
_SHOWN = [kind for kind in Kind if kind not in {Kind.SUPERVISOR, Kind.OTHER}]
"""Without the supervisor, whose work follows the clock."""
_MIXED = ("pdf", "docx", "xlsx", "html", "txt", "eml")


def measure() -> list[Figure]:
    """Measure an API and the high worker with no-ops, small texts and mixed documents, many at a time."""
    with (
        run_servers() as settings,
        run_program(settings, "main.py", "api"),
        run_program(settings, "main.py", "worker", "high"),
        open_client(settings) as client,
    ):
        wait_for_workers(settings, 1)
        [agent_id] = make_agents(settings, 1)
        idle = measure_cpu(lambda: time.sleep(_IDLE_SECONDS))
        texts = make_uploader(client, agent_id, kinds=("txt",))
        mixed = make_uploader(client, agent_id, kinds=_MIXED, first=10**6)
        with run_submitter(settings, agent_id) as no_ops:
            return [
                *_measure_each(settings, "no-op", no_ops, _NO_OPS, idle),
                *_measure_each(settings, "text of 8 KB", texts, _SMALL, idle),
                *_measure_each(settings, "mixed document", mixed, _DOCUMENTS, idle),
            ]


def measure_cpu(work: Callable[[], None]) -> dict[Kind, float]:
    """The processor time in milliseconds that each kind of process uses while ``work`` runs."""
    before = read_cpu()
    work()
    after = read_cpu()
    return {kind: after[kind] - before[kind] for kind in after}


def _measure_each(
    settings: Settings, name: str, submit: Callable[[int], None], count: int, idle: dict[Kind, float]
) -> list[Figure]:
    run_tasks(settings, submit, count // 4)  # fills the caches of statements, and starts the parsers
    began = time.monotonic()
    used = measure_cpu(lambda: run_tasks(settings, submit, count))
    share = (time.monotonic() - began) / _IDLE_SECONDS
    each = {kind: (used[kind] - share * idle[kind]) / count for kind in _SHOWN}
    shown = [Figure(f"{name}: {kind}", each[kind], "ms") for kind in _SHOWN]
    return [*shown, Figure(f"{name}: all", sum(each.values()), "ms")]
