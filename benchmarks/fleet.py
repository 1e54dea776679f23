"""The complete default fleet, as ``make up`` starts it: time until it is ready, and memory.

The honest peer has a worker for each queue too, with as many slots, each with Celery's default pool.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil

from app.settings import load_settings
from benchmarks.harness.mixed import Document
from benchmarks.harness.stack import (
    KEY,
    ROOT,
    find_port,
    list_process_tree,
    make_folder,
    open_client,
    run_program,
    run_servers,
    wait_for,
    wait_for_workers,
)
from benchmarks.harness.work import run_tasks
from benchmarks.peers.systems import HONEST, run_honest, run_honest_worker
from benchmarks.report.figures import Figure

_DOCUMENTS = 100
_QUEUES = 4
_HONEST_QUEUES = (("honest", 4), ("medium", 8), ("low", 16), ("default", 2))
_ENDS = {"SUCCESS", "FAILURE", "REVOKED"}
_KINDS = (".pdf", ".docx", ".md", ".html", ".txt")


def measure() -> list[Figure]:
    """Start on an empty folder, pause, process a hundred documents, pause; then start again on the same folder."""
    with make_folder() as folder:
        settings = load_settings(data_dir=folder, port=find_port(), bootstrap_api_key=KEY, _env_file=None)
        began = time.monotonic()
        with run_program(settings, "main.py", "up") as program:
            wait_for_workers(settings, _QUEUES)
            cold = time.monotonic() - began
            with open_client(settings) as client:
                time.sleep(2)
                idle = _weigh(client, program.pid)
                seconds = _work(client)
                time.sleep(2)
                worked = _weigh(client, program.pid)
        began = time.monotonic()
        with run_program(settings, "main.py", "up"):
            wait_for_workers(settings, _QUEUES)
            warm = time.monotonic() - began
    return [
        Figure("API and four workers ready, on an empty folder", cold, "s", at_most=5),
        Figure("API and four workers ready, on a used folder", warm, "s", at_most=3),
        Figure("workers idle", idle["workers"], "MB"),
        Figure("workers with 30 slots, after work", worked["workers"], "MB", 1 / 3, None, HONEST, _measure_honest()),
        *(Figure(f"{part} after work", worked[part], "MB") for part in ("API", "launcher", "servers")),
        Figure("all idle", sum(idle.values()), "MB"),
        Figure("all after work", sum(worked.values()), "MB"),
        Figure(f"{_DOCUMENTS} mixed documents", _DOCUMENTS / seconds, "/s"),
    ]


def _measure_honest() -> float:
    """Megabytes of the honest peer's workers after the same documents."""
    with run_servers() as settings, run_honest(settings, worker=False) as honest, ExitStack() as stack:
        pids = [stack.enter_context(run_honest_worker(honest.settings, *queue)) for queue in _HONEST_QUEUES]
        documents = [Document(path.name, path.read_bytes()) for path in _choose_documents()]
        run_tasks(honest.settings, lambda _: honest.upload(documents), len(documents), ended=honest.ended)
        time.sleep(2)
        return _sum(list_process_tree(pids))


def _weigh(client: httpx.Client, launcher: int) -> dict[str, float]:
    """Megabytes by part, with pages shared between processes counted once (PSS)."""
    workers = list_process_tree([worker["pid"] for worker in client.get("/api/v1/workers").json()["workers"]])
    rest = [process for process in list_process_tree([launcher]) if process not in workers]
    parts: dict[str, float] = {"workers": _sum(workers), "API": 0, "launcher": 0, "servers": 0}
    for process in rest:
        if "python" not in process.name():
            parts["servers"] += _sum([process])
        else:
            parts["launcher" if process.pid == launcher else "API"] += _sum([process])
    return parts


def _sum(processes: list[psutil.Process]) -> float:
    return sum(process.memory_full_info().pss for process in processes) / 2**20


def _work(client: httpx.Client) -> float:
    """Upload a hundred example documents, eight at a time, and wait until all are processed; returns the seconds."""
    agent = client.post("/api/v1/agents", json={"name": "Benchmark"}).json()["id"]

    def upload(path: Path) -> str:
        files = {"file": (path.name, path.read_bytes())}
        answer = client.post(f"/api/v1/documents/agent/{agent}/upload", files=files)
        return str(answer.raise_for_status().json()["task_id"])

    began = time.monotonic()
    with ThreadPoolExecutor(8) as threads:
        waiting = list(threads.map(upload, _choose_documents()))

    def all_ended() -> bool:
        while waiting:
            if client.get(f"/api/v1/tasks/{waiting[-1]}").json()["state"] not in _ENDS:
                return False
            waiting.pop()
        return True

    wait_for(all_ended, "the documents to be processed", pause=0.1)
    return time.monotonic() - began


def _choose_documents() -> list[Path]:
    paths = [path for path in sorted((ROOT / "examples").iterdir()) if path.suffix in _KINDS]
    return [paths[number % len(paths)] for number in range(_DOCUMENTS)]
