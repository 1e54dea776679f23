"""How fast an upload of 100 KB is taken in: from the first byte sent to the 202, on one API process.

No worker runs, so that nothing but the upload is measured: the rows wait in the ledger.
"""

from app.settings import Settings
from benchmarks.client import Load, apply_load
from benchmarks.figures import Figure
from benchmarks.stack import is_open, open_client, run_program, run_servers, wait_for, wait_for_workers

_WARM_UP, _ALONE, _TOGETHER, _CLIENTS = 50, 400, 1600, 16


def measure() -> list[Figure]:
    """Sluice and the plain glue, one after the other on the same servers."""
    with run_servers() as settings:
        alone, together = _measure_sluice(settings)
        plain_alone, plain_together = _measure_plain(settings)
    return [
        Figure("one by one: p50", alone.p50, "ms", at_most=6, plain=plain_alone.p50),
        Figure("one by one: p99", alone.p99, "ms", plain=plain_alone.p99),
        Figure("one by one: rate", alone.rate, "/s", plain=plain_alone.rate),
        Figure(f"{_CLIENTS} at once: rate", together.rate, "/s", at_least=300, plain=plain_together.rate),
        Figure(f"{_CLIENTS} at once: p50", together.p50, "ms", plain=plain_together.p50),
        Figure(f"{_CLIENTS} at once: p99", together.p99, "ms", plain=plain_together.p99),
    ]


def _measure_sluice(settings: Settings) -> tuple[Load, Load]:
    with run_program(settings, "main.py", "api"):
        wait_for_workers(settings, 0)
        with open_client(settings) as client:
            agent = client.post("/api/v1/agents", json={"name": "Benchmark"}).json()["id"]
        return _apply(settings.port, f"/api/v1/documents/agent/{agent}/upload")


def _measure_plain(settings: Settings) -> tuple[Load, Load]:
    command = ["-m", "uvicorn", "--factory", "benchmarks.plain_glue:create_app", f"--port={settings.port}"]
    with run_program(settings, *command, "--no-access-log", "--log-level=warning"):
        wait_for(lambda: is_open(settings.port), "the plain API to listen")
        return _apply(settings.port, "/upload")


def _apply(port: int, path: str) -> tuple[Load, Load]:
    apply_load(port, path, clients=2, requests=_WARM_UP)
    alone = apply_load(port, path, clients=1, requests=_ALONE)
    return alone, apply_load(port, path, clients=_CLIENTS, requests=_TOGETHER)
