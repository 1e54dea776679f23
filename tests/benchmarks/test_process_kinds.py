"""Benchmarks distinguish the kinds of processes of a run."""

import subprocess
import sys
import time

import pytest

from benchmarks.harness.processes import Kind, classify, read_cpu
from tests.deadlines import deadline

_WORKER = "python main.py worker high"
_CELERY = "python -m celery -A benchmarks.peers.plain_glue worker"


@pytest.mark.parametrize(
    ("name", "arguments", "parent", "leads_session", "kind"),
    [
        ("postgres", "postgres: sluice idle", Kind.POSTGRES, False, Kind.POSTGRES),
        ("valkey-server", "valkey-server *:0", None, False, Kind.VALKEY),
        ("python", "python main.py api", None, False, Kind.API),
        ("python", "python -m uvicorn benchmarks.peers.plain_glue:create_app", None, False, Kind.API),
        ("python", _WORKER, None, False, Kind.OTHER),
        ("python", _WORKER, Kind.OTHER, True, Kind.WORKER),
        ("python", _WORKER, Kind.WORKER, True, Kind.SUPERVISOR),
        ("python", _WORKER, Kind.WORKER, False, Kind.POOL),
        ("python", "python -m app.pipeline.sandbox.child 7", Kind.POOL, False, Kind.PARSER),
        ("python", "python -m app.tasks.batch_child 7", Kind.WORKER, False, Kind.BATCH),
        ("python", _CELERY, None, False, Kind.WORKER),
        ("python", _CELERY, Kind.WORKER, False, Kind.POOL),
        ("python", "python -m benchmarks.harness.client", None, False, Kind.OTHER),
    ],
)
def test_a_process_is_recognised(
    name: str, arguments: str, parent: Kind | None, leads_session: bool, kind: Kind
) -> None:
    assert classify(name, arguments, parent, leads_session=leads_session) is kind


def test_the_processor_time_of_a_program_is_counted_while_it_runs() -> None:
    before = read_cpu()[Kind.API]
    # The arguments are those of an API; the program only computes.
    with subprocess.Popen([sys.executable, "-c", "while True: pass", "main.py api"]) as program:
        try:
            until = time.monotonic() + deadline(20)
            while read_cpu()[Kind.API] - before < 100:
                assert time.monotonic() < until
        finally:
            program.kill()
