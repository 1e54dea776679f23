"""The bare peer: FastAPI, Celery and Redis, joined in the shortest way.

It has no key, no hash and no row, and syncs nothing to disk: the cost of an upload and a task without any guarantee.
``honest_glue.py`` has what public write-ups add to that.
The application is configured by the environment: ``REDIS_URL`` and ``DATA_DIR``.
"""

import os
import time
from pathlib import Path
from uuid import uuid4

from celery import Celery
from fastapi import FastAPI, UploadFile

from benchmarks.peers.gate import wait_for_gate

_FOLDER = Path(os.environ.get("DATA_DIR", ".")) / "plain"

celery = Celery("plain", broker=os.environ.get("REDIS_URL"), backend=os.environ.get("REDIS_URL"))
celery.conf.update(
    task_acks_late=True,
    worker_prefetch_multiplier=int(os.environ.get("CELERY_WORKER_PREFETCH_MULTIPLIER", "1")),
    task_default_queue="plain",
)


@celery.task
def process(path: str) -> None:
    """Represent the processing of a document; no worker runs while uploads are measured."""
    Path(path).read_bytes()


@celery.task
def note_start() -> float:
    """Return the time at which it ran, as Unix time."""
    return time.time()


@celery.task(ignore_result=True)
def do_nothing() -> None:
    """Store no result."""


@celery.task(ignore_result=True)
def occupy_until_gate() -> None:
    """Occupy a worker slot until the gate is open."""
    wait_for_gate()


@celery.task
def occupy(seconds: float) -> None:
    """Occupy a worker slot."""
    time.sleep(seconds)


def create_app() -> FastAPI:
    """The application."""
    _FOLDER.mkdir(parents=True, exist_ok=True)
    app = FastAPI()

    @app.post("/upload", status_code=202)
    async def upload(file: UploadFile) -> dict[str, str]:
        path = _FOLDER / uuid4().hex
        path.write_bytes(await file.read())
        return {"task_id": process.apply_async((str(path),)).id}

    return app
