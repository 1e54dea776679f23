from dataclasses import dataclass

from app.adapters.web.client import WebClient
from app.adapters.web.reader import WebReader
from app.adapters.web.robots import WebRobots
from app.bootstrap.adapters import Adapters
from app.bootstrap.builders.billing import BillingServices
from app.bootstrap.builders.indexing import IndexingServices
from app.bootstrap.builders.queue import QueueServices
from app.bootstrap.web import choose_page_reader
from app.domain.addresses import AllowedHosts
from app.domain.ports import PageReader
from app.pipeline.parse.ocr.choice import reads_pictures
from app.services.intake.archives import Archives
from app.services.intake.attachments import Attachments
from app.services.intake.backpressure import Backpressure
from app.services.intake.batches import Batches
from app.services.intake.crawls import Crawls
from app.services.intake.document_texts import DocumentTexts
from app.services.intake.documents import Documents
from app.services.intake.hosts import Hosts
from app.services.intake.stored_entries import ArchiveLimits
from app.services.intake.uploads import Uploads
from app.services.intake.webpages import Webpages
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class IntakeServices:
    """``app.services.intake``."""

    archives: Archives
    attachments: Attachments
    backpressure: Backpressure
    batches: Batches
    crawls: Crawls
    documents: Documents
    files: WebReader
    hosts: Hosts
    reader: PageReader
    texts: DocumentTexts
    uploads: Uploads
    webpages: Webpages


def build_intake(
    settings: Settings,
    adapters: Adapters,
    queue: QueueServices,
    indexing: IndexingServices,
    billing: BillingServices,
) -> IntakeServices:
    """Build the services that add documents."""
    database, blobs, admission, ingestion = adapters.database, adapters.blobs, queue.admission, indexing.ingestion
    allowed = AllowedHosts.parse(settings.web_allowed_hosts)
    web = WebClient(user_agent=settings.web_user_agent, time_limit=settings.web_time_limit, allowed=allowed)
    backpressure = Backpressure(database, settings.agent_max_waiting, billing.quotas)
    pictures = reads_pictures(settings.ocr_engine, settings.ocr_languages)
    uploads = Uploads(database, blobs, admission, backpressure, settings.max_upload_bytes, pictures=pictures)
    documents = Documents(database, blobs, admission, queue.after_commit, indexing.erasure)
    limits = read_archive_limits(settings)
    reader = choose_page_reader(settings, web)
    webpages = Webpages(database, reader, uploads, ingestion, documents, admission, backpressure, allowed)
    hosts = Hosts(database, WebRobots(web, user_agent=settings.web_user_agent), settings.crawl_delay_seconds)
    return IntakeServices(
        archives=Archives(blobs, uploads, ingestion, adapters.parser, limits, backpressure),
        attachments=Attachments(database, blobs, uploads, admission, limits, backpressure),
        backpressure=backpressure,
        batches=Batches(database, blobs, uploads, queue.after_commit, backpressure, settings.batch_max_files),
        crawls=Crawls(database, blobs, hosts, webpages, ingestion, admission, backpressure, allowed),
        documents=documents,
        files=WebReader(web, max_bytes=settings.max_upload_bytes),
        hosts=hosts,
        reader=reader,
        texts=DocumentTexts(database, documents),
        uploads=uploads,
        webpages=webpages,
    )


def read_archive_limits(settings: Settings) -> ArchiveLimits:
    """The limits of archives that the settings state."""
    inflated_bytes = settings.archive_max_mb * 1024 * 1024
    return ArchiveLimits(settings.archive_max_members, inflated_bytes, settings.archive_max_depth)
