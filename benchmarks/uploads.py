"""Latency and rate of uploads of 100 KB: from the first byte sent to the 202, on one API process.

No worker runs, so that only the upload is measured: the tasks wait in the ledger.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from app.settings import Settings
from benchmarks.client import Load
from benchmarks.figures import Figure
from benchmarks.stack import find_port, is_open, open_client, run_program, run_servers, wait_for, wait_for_workers

_ROUNDS, _WARM_UP, _ALONE, _TOGETHER, _CLIENTS = 5, 50, 100, 400, 16


@dataclass(frozen=True, slots=True)
class _Target:
    port: int
    path: str
    alone: Load = field(default_factory=Load)
    together: Load = field(default_factory=Load)


def measure() -> list[Figure]:
    """Measure Sluice and the plain glue on the same servers, alternating, so that load on the machine affects both."""
    with run_servers() as settings, _open_sluice(settings) as ours, _open_plain(settings) as plain:
        for target in (ours, plain):
            Load().apply(target.port, target.path, clients=2, requests=_WARM_UP)
        for target in (ours, plain) * _ROUNDS:
            target.alone.apply(target.port, target.path, clients=1, requests=_ALONE)
            target.together.apply(target.port, target.path, clients=_CLIENTS, requests=_TOGETHER)
    many = f"{_CLIENTS} clients"
    return [
        Figure("sequential: p50", ours.alone.percentile(0.5), "ms", at_most=6, plain=plain.alone.percentile(0.5)),
        Figure("sequential: p99", ours.alone.percentile(0.99), "ms", plain=plain.alone.percentile(0.99)),
        Figure("sequential: rate", ours.alone.rate, "/s", plain=plain.alone.rate),
        Figure(f"{many}: rate", ours.together.rate, "/s", at_least=300, plain=plain.together.rate),
        Figure(f"{many}: p50", ours.together.percentile(0.5), "ms", plain=plain.together.percentile(0.5)),
        Figure(f"{many}: p99", ours.together.percentile(0.99), "ms", plain=plain.together.percentile(0.99)),
    ]


@contextmanager
def _open_sluice(settings: Settings) -> Iterator[_Target]:
    with run_program(settings, "main.py", "api"):
        wait_for_workers(settings, 0)
        with open_client(settings) as client:
            agent = client.post("/api/v1/agents", json={"name": "Benchmark"}).json()["id"]
        yield _Target(settings.port, f"/api/v1/documents/agent/{agent}/upload")


@contextmanager
def _open_plain(settings: Settings) -> Iterator[_Target]:
    port = find_port()
    command = ["-m", "uvicorn", "--factory", "benchmarks.plain_glue:create_app", f"--port={port}"]
    with run_program(settings, *command, "--no-access-log", "--log-level=warning"):
        wait_for(lambda: is_open(port), "the plain API to listen")
        yield _Target(port, "/upload")
