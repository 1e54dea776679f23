"""Peak memory of the workers' processes while they read the largest documents."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
import psutil

from app.settings import Settings
from benchmarks.harness.stack import list_process_tree, open_client, run_program, run_servers, wait_for_workers
from benchmarks.harness.work import make_agents, wait_for_end
from benchmarks.report.figures import Figure
from tests.pipeline.documents import make_lined_pdf

_PAGES, _LINES_A_PAGE, _TEXT_MB, _SAMPLE_SECONDS = 1000, 45, 100, 0.05
_UPLOAD_MB = 128.0
_BOUND_MB = 400.0


@dataclass(slots=True)
class _Peaks:
    """The largest resident sizes seen, in MB, of parse children and of other processes of the workers."""

    child: float = 0.0
    worker: float = 0.0

    def look(self, pids: list[int]) -> None:
        """Read the peak of every process, as the kernel records it."""
        for process in list_process_tree(pids):
            try:
                peak = _read_peak(process.pid)
                is_child = "app.pipeline.sandbox.child" in process.cmdline()
            except (OSError, psutil.Error):
                continue  # the process has just ended
            if is_child:
                self.child = max(self.child, peak)
            else:
                self.worker = max(self.worker, peak)


def _read_peak(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


@contextmanager
def _watch(pids: list[int]) -> Iterator[_Peaks]:
    peaks, over = _Peaks(), threading.Event()

    def look() -> None:
        while not over.wait(_SAMPLE_SECONDS):
            peaks.look(pids)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peaks
    finally:
        over.set()
        thread.join()


def measure() -> list[Figure]:
    """Measure a PDF of a thousand pages, then a text of a hundred megabytes, each with new workers."""
    return [*_measure("1,000-page PDF", "book.pdf", _make_pdf()), *_measure("100 MB text", "book.txt", _make_text())]


def _measure(label: str, filename: str, content: bytes) -> list[Figure]:
    with run_servers() as given:
        settings = given.model_copy(update={"max_upload_mb": _UPLOAD_MB})
        with (
            run_program(settings, "main.py", "api"),
            run_program(settings, "main.py", "worker", "high", "medium", "default"),
            open_client(settings) as client,
        ):
            wait_for_workers(settings, 3)
            pids = [worker["pid"] for worker in client.get("/api/v1/workers").json()["workers"]]
            with _watch(pids) as peaks:
                task = _process(settings, client, filename, content)
    return [
        Figure(f"{label}: time", task["seconds"], "s"),
        Figure(f"{label}: chunks", task["chunk_count"], ""),
        Figure(f"{label}: peak of a worker's process", peaks.worker, "MB", at_most=_BOUND_MB),
        Figure(f"{label}: peak of its parse child", peaks.child, "MB", at_most=settings.parse_memory_mb),
    ]


def _process(settings: Settings, client: httpx.Client, filename: str, content: bytes) -> dict[str, float]:
    [agent] = make_agents(settings, 1)
    answer = client.post(f"/api/v1/documents/agent/{agent}/upload", files={"file": (filename, content)}, timeout=120)
    task_id = answer.raise_for_status().json()["task_id"]
    wait_for_end(client, task_id, seconds=1800)
    task = client.get(f"/api/v1/tasks/{task_id}").json()
    if task["state"] != "SUCCESS":
        raise RuntimeError(f"{filename} ended as {task['state']}: {task['error']}")
    began, ended = (datetime.fromisoformat(task[name]) for name in ("created_at", "completed_at"))
    return {"seconds": (ended - began).total_seconds(), "chunk_count": task["chunk_count"]}


def _make_pdf() -> bytes:
    return make_lined_pdf(
        *(
            [
                f"Line {line} of page {page} tells of the keeper, the lock and the boats."
                for line in range(_LINES_A_PAGE)
            ]
            for page in range(1, _PAGES + 1)
        )
    )


def _make_text() -> bytes:
    """Paragraphs of several sentences, all different."""
    lines, size, number = list[str](), 0, 0
    while size < _TEXT_MB * 1024 * 1024:
        number += 1
        end = "\n\n" if number % 8 == 0 else "\n"
        lines.append(f"Entry {number}: the keeper of lock {number % 977} wrote the draught of boat {number * 7}.{end}")
        size += len(lines[-1])
    return "".join(lines).encode()
