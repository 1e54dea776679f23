"""A Celery worker whose tasks write log lines: ``python -m tests.system.logging_worker prefork``.

Before the worker starts, and so before its pool forks, the body of a task is wrapped to log from the event loop and
from a thread. A signal of Celery's logs in the process or thread of the pool once a task has ended.
"""

import asyncio
import functools
import logging
import sys
from typing import Any

import structlog
from celery import signals

from app.celery_app import app
from app.domain.tasks import Queue
from app.services.indexing.ingestion import Ingestion

log = structlog.get_logger("tests")


def wrap_body() -> None:
    """Have the body of ``process_document`` log."""
    ingest = Ingestion.ingest

    @functools.wraps(ingest)
    async def logged(self: Ingestion, attempt: Any) -> Any:
        log.info("inside", where="loop", of=str(attempt.task.id))
        await asyncio.to_thread(logging.getLogger("tests").info, "inside a thread of %s", attempt.task.id)
        return await ingest(self, attempt)

    Ingestion.ingest = logged  # type: ignore[method-assign]


@signals.task_postrun.connect(weak=False)
def log_outside(task_id: str, **_: Any) -> None:
    """Log where a task has just ended."""
    log.info("outside", of=task_id)


if __name__ == "__main__":
    wrap_body()
    arguments = [f"--queues={Queue.HIGH.value}", "--concurrency=1", f"--pool={sys.argv[1]}", "--loglevel=INFO"]
    app.worker_main(["worker", *arguments])
