"""The adapters that the settings choose, one set a process."""

from dataclasses import dataclass
from typing import Any

from celery import Celery
from redis.asyncio import Redis

from app.adapters.celery.doorbell import CeleryDoorbell
from app.adapters.embedders.wordllama import WordLlamaEmbedder
from app.adapters.mail.smtp import SmtpMailer
from app.adapters.packages import require_packages
from app.adapters.polling_watch import PollingWatch
from app.adapters.redis.limits import Limit, RedisLimits
from app.adapters.redis.url import is_redis, redis_client_url
from app.adapters.redis.watch import RedisWatch
from app.bootstrap.database import get_database_url
from app.bootstrap.models import Embedders, choose_chat, choose_reranker
from app.bootstrap.storage import choose_blobs
from app.bootstrap.stores import Stores
from app.db.engine import Database, create_engine
from app.domain.ports import BlobStore, ChatModel, Mailer, Reranker
from app.pipeline.parse.ocr.choice import RAPIDOCR, choose_engine
from app.pipeline.sandbox.batches import BatchProcesses
from app.pipeline.sandbox.parse_slots import ParseSlots
from app.pipeline.sandbox.sandbox import ParserSandbox
from app.settings import Settings

_BATCH_PROGRAM = "app.tasks.batch_child"


@dataclass(frozen=True, slots=True)
class Adapters:
    """Everything that the services are built on: connections, models and child processes.

    ``batches`` is None in a process that runs one task at a time: it has a core of its own.
    """

    database: Database
    doorbell: CeleryDoorbell
    watch: RedisWatch | PollingWatch
    blobs: BlobStore
    parser: ParserSandbox
    batches: BatchProcesses | None
    embedders: Embedders
    stores: Stores
    limits: RedisLimits
    request_counts: RedisLimits
    chat: ChatModel | None
    reranker: Reranker | None
    mailer: Mailer | None

    async def close(self) -> None:
        """Close every connection and end every child process. The database is closed last."""
        await self.watch.close()
        await self.parser.close()
        if self.batches is not None:
            await self.batches.close()
        for connected in (self.embedders, self.stores, self.limits, self.request_counts, self.chat, self.reranker):
            if connected is not None:
                await connected.close()
        await self.doorbell.close()
        await self.database.close()


def choose_adapters(
    settings: Settings, celery: Celery, *, embedders: Embedders | None, connections: int, parsers: int
) -> Adapters:
    """Make the adapters that the settings choose; the arguments are those of ``build_services``.

    Raises:
        StartupError: when the settings name no database, or an adapter's key or package is missing.
    """
    database = Database(create_engine(get_database_url(settings), pool_size=connections))
    return Adapters(
        database=database,
        doorbell=CeleryDoorbell(celery, shows_filenames=settings.celery_show_filenames),
        watch=_choose_watch(celery),
        blobs=choose_blobs(settings),
        parser=_make_parser(settings, parsers),
        batches=BatchProcesses(_BATCH_PROGRAM, {WordLlamaEmbedder.model}, size=parsers) if parsers > 1 else None,
        embedders=embedders or Embedders(settings),
        stores=Stores(settings, database),
        limits=_make_limits(settings),
        request_counts=RedisLimits(settings.redis_url or "", {}, prefix=settings.redis_key_prefix, window=60.0),
        chat=choose_chat(settings),
        reranker=choose_reranker(settings),
        mailer=SmtpMailer(settings.smtp_url, settings.mail_from) if settings.smtp_url else None,
    )


def _make_parser(settings: Settings, size: int) -> ParserSandbox:
    if settings.ocr_engine == RAPIDOCR:
        require_packages("OCR_ENGINE=rapidocr", RAPIDOCR)
    return ParserSandbox(
        size=size,
        time_limit=settings.parse_time_limit,
        memory_mb=settings.parse_memory_mb,
        max_pages=settings.parse_max_pages,
        ocr_engine=choose_engine(settings.ocr_engine, settings.ocr_languages),
        ocr_languages=settings.ocr_languages,
        ocr_seconds=settings.ocr_time_limit,
        slots=ParseSlots(settings.parse_memory_mb),
    )


def _choose_watch(celery: Celery) -> RedisWatch | PollingWatch:
    """Redis publishes each result that Celery stores; other result backends are polled."""
    url = celery.conf.result_backend
    if not is_redis(url):
        return PollingWatch()
    backend: Any = celery.backend  # Redis's backend publishes each result on the channel named like its key
    return RedisWatch(
        Redis.from_url(redis_client_url(url), socket_connect_timeout=2),
        lambda task_id: backend.get_key_for_task(task_id).decode(),
    )


def _make_limits(settings: Settings) -> RedisLimits:
    openai = Limit(settings.openai_requests_per_minute, settings.openai_tokens_per_minute)
    return RedisLimits(
        settings.redis_url or "",
        {
            "openai-embeddings": openai,
            "openai-chat": openai,
            "pinecone": Limit(settings.pinecone_requests_per_minute, None),
        },
        prefix=settings.redis_key_prefix,
    )
