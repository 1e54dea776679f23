"""Every use case, wired to the adapters that the settings name."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from celery import Celery
from redis.asyncio import Redis

from app.adapters.celery.doorbell import CeleryDoorbell
from app.adapters.polling_watch import PollingWatch
from app.adapters.redis.limits import Limit, RedisLimits
from app.adapters.redis.url import redis_client_url
from app.adapters.redis.watch import RedisWatch
from app.adapters.sentry import SentryAlarm
from app.adapters.web.client import WebClient
from app.adapters.web.robots import WebRobots
from app.bootstrap.database import get_database_url
from app.bootstrap.models import Embedders, choose_chat
from app.bootstrap.storage import choose_blobs
from app.bootstrap.stores import Stores, describe_index
from app.bootstrap.web import choose_page_reader
from app.db.engine import Database, create_engine
from app.domain.addresses import AllowedHosts
from app.domain.ports import BlobStore
from app.pipeline.sandbox import ParserSandbox
from app.services.answers.answers import Answers
from app.services.answers.search import Search
from app.services.indexing.chunk_index import Indexing
from app.services.indexing.consistency import Consistency
from app.services.indexing.ingestion import Ingestion
from app.services.indexing.large_documents import LargeDocuments
from app.services.indexing.reembedding import Reembedding
from app.services.indexing.vector_indexes import Indexes
from app.services.indexing.vectors import Vectors
from app.services.intake.archives import ArchiveLimits, Archives
from app.services.intake.backpressure import Backpressure
from app.services.intake.batches import Batches
from app.services.intake.crawls import Crawls
from app.services.intake.documents import Documents
from app.services.intake.uploads import Uploads
from app.services.intake.webpages import Webpages
from app.services.operations.overview import Operations
from app.services.operations.upkeep import Upkeep
from app.services.providers.calls import Providers
from app.services.providers.embedding import Embedding
from app.services.queue.admission import Admission
from app.services.queue.dead_letters import DeadLetters
from app.services.queue.execution import Execution, RetryPolicy
from app.services.queue.parents import Parents
from app.services.queue.recovery import Recovery
from app.services.queue.tasks import Tasks
from app.services.tenants.agents import Agents
from app.services.tenants.idempotency import Idempotency
from app.services.tenants.identities import Identities
from app.settings import Settings


class Connected(Protocol):
    """What holds connections to others."""

    async def close(self) -> None:
        """Let go of them."""


@dataclass(frozen=True, slots=True)
class Services:
    """Every use case, on one event loop."""

    admission: Admission
    agents: Agents
    answers: Answers
    archives: Archives
    batches: Batches
    consistency: Consistency
    crawls: Crawls
    dead_letters: DeadLetters
    documents: Documents
    execution: Execution
    parents: Parents
    idempotency: Idempotency
    identities: Identities
    indexes: Indexes
    ingestion: Ingestion
    large_documents: LargeDocuments
    operations: Operations
    providers: Providers
    recovery: Recovery
    reembedding: Reembedding
    search: Search
    tasks: Tasks
    upkeep: Upkeep
    uploads: Uploads
    vectors: Vectors
    webpages: Webpages
    blobs: BlobStore
    _database: Database
    _doorbell: CeleryDoorbell
    _parser: ParserSandbox
    _watch: RedisWatch | PollingWatch
    _connected: Sequence[Connected]

    async def close(self) -> None:
        """Finish what is under way, then let go of every connection and process."""
        await self.admission.settle()
        await self.upkeep.close()
        await self._watch.close()
        await self._parser.close()
        for part in self._connected:
            await part.close()
        await asyncio.to_thread(self._doorbell.close)
        await self._database.close()


def _choose_watch(celery: Celery) -> RedisWatch | PollingWatch:
    url = celery.conf.result_backend
    if not url.startswith(("redis", "unix")):
        return PollingWatch()
    backend: Any = celery.backend  # of Redis, so it publishes each result on the key it stores it under
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


def build_services(
    settings: Settings, celery: Celery, *, embedders: Embedders | None = None, connections: int, parsers: int
) -> Services:
    """Build every service. Call it on the event loop, and in the process, that will use them.

    Args:
        settings: The settings, with ``database_url`` known.
        celery: The application through which bells are rung.
        embedders: The models of this process, some of which may be loaded already.
        connections: Database connections at most.
        parsers: Documents parsed at once at most, each in a process of its own.

    Raises:
        StartupError: when there is no database to talk to.
    """
    database = Database(create_engine(get_database_url(settings), pool_size=connections))
    doorbell = CeleryDoorbell(celery)
    embedders = embedders or Embedders(settings)
    blobs = choose_blobs(settings)
    watch = _choose_watch(celery)
    parser = ParserSandbox(
        size=parsers,
        time_limit=settings.parse_time_limit,
        memory_mb=settings.parse_memory_mb,
        max_pages=settings.parse_max_pages,
        ocr_languages=settings.ocr_languages,
    )
    admission = Admission(database, doorbell)
    backpressure = Backpressure(database, settings.agent_max_waiting)
    alarms = [SentryAlarm(settings.sentry_dsn)] if settings.sentry_dsn else []
    limits = _make_limits(settings)
    providers = Providers(database, limits)
    stores = Stores(settings, database)
    vectors = Vectors(database, stores, providers)
    embedding = Embedding(database, providers)
    indexing = Indexing(embedding, embedders)
    search = Search(database, indexing, vectors)
    chat = choose_chat(settings)
    policy = RetryPolicy(
        max_retries=settings.task_max_retries,
        backoff=settings.task_retry_backoff,
        backoff_max=settings.task_retry_backoff_max,
        time_limit=settings.celery_task_soft_time_limit,
    )
    parents = Parents(database, doorbell, admission)
    large_documents = LargeDocuments(database, blobs, indexing, vectors, settings.embedding_batch_chunks)
    ingestion = Ingestion(database, blobs, parser, indexing, vectors, large_documents, settings.large_document_chunks)
    reembedding = Reembedding(database, admission, indexing, vectors, settings.embedding_batch_chunks)
    uploads = Uploads(database, blobs, admission, backpressure, settings.max_upload_bytes)
    documents = Documents(database, blobs, admission, doorbell, parents, vectors)
    allowed = AllowedHosts.parse(settings.web_allowed_hosts)
    web = WebClient(user_agent=settings.web_user_agent, time_limit=settings.web_time_limit, allowed=allowed)
    robots = WebRobots(web, user_agent=settings.web_user_agent)
    reader = choose_page_reader(settings, web)
    webpages = Webpages(database, reader, uploads, ingestion, documents, admission, backpressure, allowed)
    archive_limits = ArchiveLimits(
        settings.archive_max_members, settings.archive_max_mb * 1024 * 1024, settings.archive_max_depth
    )
    return Services(
        admission=admission,
        agents=Agents(database, blobs, admission, doorbell, vectors),
        answers=Answers(database, admission, backpressure, search, providers, chat),
        archives=Archives(blobs, uploads, ingestion, archive_limits),
        batches=Batches(database, blobs, uploads, admission, backpressure, parents, settings.batch_max_files),
        consistency=Consistency(database, vectors),
        dead_letters=DeadLetters(database, doorbell, admission, alarms),
        crawls=Crawls(
            database,
            blobs,
            robots,
            webpages,
            ingestion,
            admission,
            backpressure,
            allowed,
            settings.crawl_delay_seconds,
        ),
        documents=documents,
        execution=Execution(database, doorbell, admission, parents, policy),
        parents=parents,
        idempotency=Idempotency(database),
        identities=Identities(database),
        indexes=Indexes(database, describe_index(settings)),
        ingestion=ingestion,
        large_documents=large_documents,
        operations=Operations(database, admission, doorbell.ping, providers),
        providers=providers,
        recovery=Recovery(database, doorbell, admission, parents, settings.task_max_crashes),
        reembedding=reembedding,
        search=search,
        tasks=Tasks(database, watch, admission, doorbell, parents),
        upkeep=Upkeep(
            database, doorbell, blobs, reembedding, settings.task_retention_days, settings.embedding_cache_days
        ),
        uploads=uploads,
        vectors=vectors,
        webpages=webpages,
        blobs=blobs,
        _database=database,
        _doorbell=doorbell,
        _parser=parser,
        _watch=watch,
        _connected=[part for part in (embedders, stores, limits, chat) if part],
    )
