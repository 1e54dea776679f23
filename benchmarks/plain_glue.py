"""The baseline: FastAPI, Celery and Redis, joined the usual way.

It has no key, no hash and no row, and syncs nothing to disk: the cost of an upload and a task without any guarantee.
The application is configured by the environment: ``REDIS_URL`` and ``DATA_DIR``.
"""

import os
import time
from pathlib import Path
from uuid import uuid4

from celery import Celery
from fastapi import FastAPI, UploadFile

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
