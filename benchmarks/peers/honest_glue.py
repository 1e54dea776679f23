"""The honest peer: FastAPI, SQLAlchemy, Celery and Redis, joined as public write-ups of document pipelines do it.

It has the parts that a team would write in the first week, and none of what Sluice adds: no key, no hash, no check of
the type, no limits, no sandbox, no index of words. The choices, where write-ups differ:

- The upload reads the file into memory, writes it without a sync, inserts a row for the document with the asynchronous
  session of SQLAlchemy on asyncpg, and sends the task after the commit. (A crash in between loses the task.)
- The task has late acknowledgements and a prefetch of 1, and reports progress with ``update_state`` at 0, 20, 50, 80
  and 100 percent to the result backend, which is Redis.
- Readers: pypdf, python-docx, openpyxl, python-pptx, BeautifulSoup with ``html.parser``, ``email`` of the standard
  library, and UTF-8 for text.
- Chunks of 1,000 characters, of which 200 overlap.
- The embedding model is the one of Sluice (wordllama), by the same code, loaded once in each process at its start.
- The rows of the chunks, with a ``vector`` column, are added to a synchronous session on psycopg and committed together
  with the status of the document. There is no vector index, which makes the writes faster.
- Workers are Celery's default pool of processes, one worker for each queue.

Configured by the environment: ``DATABASE_URL``, ``REDIS_URL`` and ``DATA_DIR``.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from celery import Celery, Task, signals
from fastapi import FastAPI, UploadFile
from pgvector.sqlalchemy import Vector
from sqlalchemy import ForeignKey, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from app.adapters.embedders.wordllama import WordLlamaEmbedder
from benchmarks.peers.readers import PEERS, Reader, read_utf8

_FOLDER = Path(os.environ.get("DATA_DIR", ".")) / "honest"
_URL = make_url(os.environ.get("DATABASE_URL") or "postgresql://localhost/honest")
_CHUNK, _OVERLAP = 1000, 200
_READERS: dict[str, Reader] = {
    ".pdf": PEERS["pdf"]["pypdf"][1],
    ".docx": PEERS["docx"]["python-docx"][1],
    ".xlsx": PEERS["xlsx"]["openpyxl"][1],
    ".pptx": PEERS["pptx"]["python-pptx"][1],
    ".html": PEERS["html"]["BeautifulSoup"][1],
    ".eml": PEERS["eml"]["email"][1],
}

celery = Celery("honest", broker=os.environ.get("REDIS_URL"), backend=os.environ.get("REDIS_URL"))
celery.conf.update(
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    task_track_started=True,
    task_default_queue="honest",
)


class Base(DeclarativeBase):
    """The tables."""


class Document(Base):
    """An uploaded document and what became of it."""

    __tablename__ = "documents"
    id: Mapped[int] = mapped_column(primary_key=True)
    filename: Mapped[str]
    path: Mapped[str]
    status: Mapped[str] = mapped_column(default="pending")
    error: Mapped[str | None]


class Chunk(Base):
    """A passage and its vector."""

    __tablename__ = "chunks"
    id: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[int] = mapped_column(ForeignKey("documents.id"), index=True)
    position: Mapped[int]
    content: Mapped[str]
    embedding: Mapped[Any] = mapped_column(Vector(256))


@cache
def _get_session_maker() -> Any:
    engine = create_engine(_URL.set(drivername="postgresql+psycopg"))
    return lambda: Session(engine)


@cache
def _get_embedder() -> WordLlamaEmbedder:
    return WordLlamaEmbedder()


@signals.worker_process_init.connect
def load(**_: Any) -> None:
    """Load the model when a process starts, so that the first document does not wait for it."""
    _get_embedder()


@celery.task(bind=True)
def process(self: "Task[..., Any]", document_id: int) -> dict[str, Any]:
    """Read, cut, embed and store a document."""
    with _get_session_maker()() as session:
        document = session.get_one(Document, document_id)
        document.status = "processing"
        session.commit()
        try:
            chunks = _ingest(self, session, document)
        except Exception as error:
            session.rollback()
            document.status, document.error = "failed", str(error)[:500]
            session.commit()
            raise
        _report(self, 100, "Done")
        return {"document_id": document_id, "chunks": chunks}


def _ingest(task: "Task[..., Any]", session: Session, document: Document) -> int:
    _report(task, 0, "Reading")
    path = Path(document.path)
    content = _READERS.get(path.suffix, read_utf8)(path).replace("\0", "")
    _report(task, 20, "Cutting")
    chunks = [content[start : start + _CHUNK] for start in range(0, max(1, len(content)), _CHUNK - _OVERLAP)]
    _report(task, 50, "Embedding")
    vectors = asyncio.run(_get_embedder().embed(chunks)).vectors
    _report(task, 80, "Storing")
    session.add_all(
        Chunk(document_id=document.id, position=position, content=chunk, embedding=list(vector))
        for position, (chunk, vector) in enumerate(zip(chunks, vectors, strict=True))
    )
    document.status = "completed"
    session.commit()
    return len(chunks)


def _report(task: "Task[..., Any]", current: int, status: str) -> None:
    task.update_state(state="PROGRESS", meta={"current": current, "total": 100, "status": status})


async def _create_tables(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("CREATE EXTENSION IF NOT EXISTS vector"))
        await connection.run_sync(Base.metadata.create_all)


def create_app() -> FastAPI:
    """The API."""
    _FOLDER.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(_URL.set(drivername="postgresql+asyncpg"))

    @asynccontextmanager
    async def run(_: FastAPI) -> AsyncIterator[None]:
        await _create_tables(engine)
        yield
        await engine.dispose()

    app = FastAPI(lifespan=run)

    @app.post("/upload", status_code=202)
    async def upload(file: UploadFile) -> dict[str, Any]:
        name = file.filename or "document.txt"
        path = _FOLDER / f"{uuid4().hex}{Path(name).suffix}"
        path.write_bytes(await file.read())
        async with AsyncSession(engine, expire_on_commit=False) as session:
            document = Document(filename=name, path=str(path))
            session.add(document)
            await session.commit()
        return {"document_id": document.id, "task_id": process.delay(document.id).id}

    return app
