"""Documents from web pages and crawled sites."""

from fastapi import APIRouter, Response

from app.api.access import ServicesOf, Writer
from app.api.bodies.uploads import UploadAccepted, locate
from app.api.bodies.webpages import CrawlAccepted, CrawlBody, WebpageBody
from app.api.forms import PRIORITIES
from app.api.problems import NEW_WORK, document_problems
from app.api.v1.agents import AgentId
from app.domain.errors import (
    DuplicateDocumentError,
    InvalidMetadataError,
    InvalidUrlError,
    UrlNotAllowedError,
)
from app.domain.metadata import check_metadata
from app.services.intake.crawls import CrawlRequest
from app.services.intake.webpages import PageRequest

_PROBLEMS = (InvalidUrlError, UrlNotAllowedError, InvalidMetadataError, *NEW_WORK)

router = APIRouter(prefix="/documents/agent/{agent_id}", tags=["documents"])


@router.post("/webpage", status_code=202, responses=document_problems(*_PROBLEMS, DuplicateDocumentError))
async def add_webpage(
    agent_id: AgentId, body: WebpageBody, identity: Writer, services: ServicesOf, response: Response
) -> UploadAccepted:
    """Add a web page: its main content, or the file if the address is that of a document. A task reads it."""
    request = PageRequest(
        identity.organization_id,
        agent_id,
        body.url,
        check_metadata(body.metadata),
        PRIORITIES[body.priority],
        body.on_duplicate,
        services.webhooks.webhooks.check_callback(body.callback_url),
    )
    accepted = await services.intake.webpages.submit(request)
    response.headers["Location"] = locate(accepted)
    return UploadAccepted.of(accepted)


@router.post("/crawl", status_code=202, responses=document_problems(*_PROBLEMS))
async def crawl_site(
    agent_id: AgentId, body: CrawlBody, identity: Writer, services: ServicesOf, response: Response
) -> CrawlAccepted:
    """Crawl a site. Every page becomes a document; a page that the agent already has is read again.

    Sluice obeys robots.txt and requests one page per host at a time, `CRAWL_DELAY_SECONDS` apart.
    """
    request = CrawlRequest(
        organization_id=identity.organization_id,
        agent_id=agent_id,
        url=body.url,
        max_pages=body.max_pages,
        max_depth=body.max_depth,
        include=body.include,
        exclude=body.exclude,
        metadata=check_metadata(body.metadata),
        queue=PRIORITIES[body.priority],
        callback_url=services.webhooks.webhooks.check_callback(body.callback_url),
    )
    task = await services.intake.crawls.submit(request)
    response.headers["Location"] = f"/api/v1/tasks/{task.id}"
    counts = await services.queue.tasks.count_children(identity.access, [task])
    return CrawlAccepted.of_crawl(task, counts[task.id])
