"""The only place where adapters are chosen: settings in, services out."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import structlog
from celery import Celery
from redis.asyncio import Redis

from app.adapters.celery_doorbell import CeleryDoorbell
from app.adapters.file_storage import FileStore
from app.adapters.firecrawl import FirecrawlReader
from app.adapters.minilm import MiniLmEmbedder
from app.adapters.polling_watch import PollingWatch
from app.adapters.redis_url import redis_client_url
from app.adapters.redis_watch import RedisWatch
from app.adapters.sentry import SentryAlarm
from app.adapters.web_client import WebClient
from app.adapters.web_reader import WebReader
from app.adapters.web_robots import WebRobots
from app.adapters.wordllama import WordLlamaEmbedder
from app.db.engine import Database, create_engine
from app.db.schema import find_differences, migrate
from app.domain.addresses import AllowedHosts
from app.domain.errors import StartupError, StorageAwayError
from app.domain.ports import BlobStore, Embedder, PageReader
from app.pipeline.sandbox import ParserSandbox
from app.services.admission import Admission
from app.services.agents import Agents
from app.services.answers import Answers
from app.services.archives import ArchiveLimits, Archives
from app.services.backpressure import Backpressure
from app.services.batches import Batches
from app.services.crawls import Crawls
from app.services.dead_letters import DeadLetters
from app.services.documents import Documents
from app.services.execution import Execution, RetryPolicy
from app.services.families import Families
from app.services.idempotency import Idempotency
from app.services.identities import Identities
from app.services.indexing import Indexing
from app.services.ingestion import Ingestion
from app.services.large_documents import LargeDocuments
from app.services.operations import Operations
from app.services.recovery import Recovery
from app.services.search import Search
from app.services.tasks import Tasks
from app.services.upkeep import Upkeep
from app.services.uploads import Uploads
from app.services.webpages import Webpages
from app.settings import Settings

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Services:
    """Every use case, on one event loop."""

    admission: Admission
    agents: Agents
    answers: Answers
    archives: Archives
    batches: Batches
    crawls: Crawls
    dead_letters: DeadLetters
    documents: Documents
    execution: Execution
    families: Families
    idempotency: Idempotency
    identities: Identities
    ingestion: Ingestion
    large_documents: LargeDocuments
    operations: Operations
    recovery: Recovery
    search: Search
    tasks: Tasks
    upkeep: Upkeep
    uploads: Uploads
    webpages: Webpages
    blobs: BlobStore
    _database: Database
    _doorbell: CeleryDoorbell
    _parser: ParserSandbox
    _watch: RedisWatch | PollingWatch

    async def close(self) -> None:
        """Finish what is under way, then let go of every connection and process."""
        await self.admission.settle()
        await self._watch.close()
        await self._parser.close()
        await asyncio.to_thread(self._doorbell.close)
        await self._database.close()


async def prepare_database(settings: Settings) -> None:
    """Bring the database up to this version's schema."""
    engine = create_engine(_database_url(settings), pool_size=1, register_types=False)
    try:
        await migrate(engine)
    finally:
        await engine.dispose()


async def find_schema_differences(settings: Settings) -> list[str]:
    """How the database's schema differs from this version's; empty when they agree."""
    engine = create_engine(_database_url(settings), pool_size=1, register_types=False)
    try:
        return await find_differences(engine)
    finally:
        await engine.dispose()


def _database_url(settings: Settings) -> str:
    if settings.database_url is None:
        raise StartupError("DATABASE_URL is not set and no embedded Postgres runs. Start one with `make up`.")
    return settings.database_url


def choose_embedder(settings: Settings) -> Embedder:
    """The embedding model that the settings name."""
    if settings.embedding_model == "minilm":
        return MiniLmEmbedder(settings.minilm_path)
    return WordLlamaEmbedder()


def choose_blobs(settings: Settings) -> BlobStore:
    """Where uploaded files live.

    Raises:
        StartupError: when the package that this needs is missing.
    """
    if settings.storage_url is None:
        return FileStore(settings.data_dir / "blobs")
    url = urlsplit(settings.storage_url)
    if url.scheme == "file":
        return FileStore(Path(unquote(url.path)))
    try:
        from app.adapters.s3_storage import S3Store  # noqa: PLC0415 - an extra, needed only where it is asked for
    except ImportError as error:
        raise StartupError("STORAGE_URL with s3:// needs the package boto3: pip install 'sluice[s3]'.") from error
    return S3Store(
        bucket=url.netloc,
        prefix=url.path.strip("/"),
        spool=settings.data_dir / "spool",
        endpoint_url=settings.s3_endpoint_url,
        encryption=settings.s3_server_side_encryption,
    )


async def check_storage(blobs: BlobStore) -> None:
    """Try the storage at start. One that is away may come back, and until then is only told of.

    Raises:
        StartupError: when it refuses.
    """
    try:
        await blobs.check()
    except StorageAwayError as error:
        log.warning("storage_away", detail=error.detail)


def choose_page_reader(settings: Settings, client: WebClient) -> PageReader:
    """Who reads web pages: Firecrawl where there is a key for it, else Sluice itself."""
    if settings.firecrawl_api_key is None:
        return WebReader(client, max_bytes=settings.max_upload_bytes)
    return FirecrawlReader(
        api_key=settings.firecrawl_api_key,
        api_url=settings.firecrawl_api_url,
        time_limit=settings.web_time_limit,
        max_bytes=settings.max_upload_bytes,
        allowed=AllowedHosts.parse(settings.web_allowed_hosts),
    )


def _choose_watch(celery: Celery) -> RedisWatch | PollingWatch:
    url = celery.conf.result_backend
    if not url.startswith(("redis", "unix")):
        return PollingWatch()
    backend: Any = celery.backend  # of Redis, so it publishes each result on the key it stores it under
    return RedisWatch(
        Redis.from_url(redis_client_url(url), socket_connect_timeout=2),
        lambda task_id: backend.get_key_for_task(task_id).decode(),
    )


def build_services(
    settings: Settings, celery: Celery, *, embedder: Embedder | None = None, connections: int, parsers: int
) -> Services:
    """Build every service. Call it on the event loop, and in the process, that will use them.

    Args:
        settings: The settings, with ``database_url`` known.
        celery: The application through which bells are rung.
        embedder: A model that is loaded already; else the settings choose.
        connections: Database connections at most.
        parsers: Documents parsed at once at most, each in a process of its own.

    Raises:
        StartupError: when there is no database to talk to.
    """
    database = Database(create_engine(_database_url(settings), pool_size=connections))
    doorbell = CeleryDoorbell(celery)
    embedder = embedder or choose_embedder(settings)
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
    search = Search(database, embedder)
    policy = RetryPolicy(
        max_retries=settings.task_max_retries,
        backoff=settings.task_retry_backoff,
        backoff_max=settings.task_retry_backoff_max,
        time_limit=settings.celery_task_soft_time_limit,
    )
    families = Families(database, doorbell, admission)
    indexing = Indexing(embedder)
    large_documents = LargeDocuments(database, blobs, indexing, settings.embedding_batch_chunks)
    ingestion = Ingestion(database, blobs, parser, indexing, large_documents, settings.large_document_chunks)
    uploads = Uploads(database, blobs, admission, backpressure, settings.max_upload_bytes)
    documents = Documents(database, blobs, admission, doorbell, families)
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
        agents=Agents(database, blobs, admission, doorbell),
        answers=Answers(database, admission, backpressure, search),
        archives=Archives(blobs, uploads, ingestion, archive_limits),
        batches=Batches(database, blobs, uploads, admission, backpressure, families, settings.batch_max_files),
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
        execution=Execution(database, doorbell, admission, families, policy),
        families=families,
        idempotency=Idempotency(database),
        identities=Identities(database),
        ingestion=ingestion,
        large_documents=large_documents,
        operations=Operations(database, admission, doorbell.ping),
        recovery=Recovery(database, doorbell, admission, families, settings.task_max_crashes),
        search=search,
        tasks=Tasks(database, watch, admission, doorbell, families),
        upkeep=Upkeep(database, doorbell, blobs, settings.task_retention_days),
        uploads=uploads,
        webpages=webpages,
        blobs=blobs,
        _database=database,
        _doorbell=doorbell,
        _parser=parser,
        _watch=watch,
    )
