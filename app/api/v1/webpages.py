"""Web pages and sites: the other way in."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.api.access import ServicesOf, Writer
from app.api.bodies.documents import UploadAccepted, locate
from app.api.bodies.tasks import TaskAccepted, link
from app.api.forms import PRIORITIES, check_metadata
from app.api.problems import BACKLOG_FULL, RESPONSES, Problem
from app.api.v1.agents import AgentId
from app.domain.documents import OnDuplicate
from app.domain.tasks import Counts, Task
from app.services.intake.crawls import CrawlRequest
from app.services.intake.webpages import PageRequest

Address = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Priority = Literal["high", "medium", "low"]

router = APIRouter(
    prefix="/documents/agent/{agent_id}",
    tags=["documents"],
    responses={
        **RESPONSES,
        **BACKLOG_FULL,
        409: {"model": Problem, "description": "The agent has this page already, and `on_duplicate` is `reject`."},
    },
)


class WebpageBody(BaseModel):
    """A web page to read. It is public, unless an operator allows its host by `WEB_ALLOWED_HOSTS`."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"url": "https://example.com/handbook", "metadata": {"team": "support"}}}
    )

    url: Address
    metadata: dict[str, Any] = {}
    priority: Priority = "high"
    on_duplicate: OnDuplicate = Field(
        OnDuplicate.SKIP,
        description="What becomes of an address the agent has already: `replace` reads it again.",
    )


class CrawlBody(BaseModel):
    """A site to read: the page at `url` and those it leads to, on the same site."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "url": "https://example.com/docs/",
                "max_pages": 200,
                "max_depth": 3,
                "include": ["/docs/*"],
                "exclude": ["*/print/*"],
            }
        }
    )

    url: Address
    max_pages: int = Field(100, ge=1, le=10_000)
    max_depth: int = Field(3, ge=0, le=50, description="Links from the first page; 0 reads that page alone.")
    include: list[Pattern] = Field([], max_length=100, description="Shell globs on path and query; one must match.")
    exclude: list[Pattern] = Field([], max_length=100, description="Shell globs on path and query; none may match.")
    metadata: dict[str, Any] = {}
    priority: Priority = "low"


class CrawlAccepted(TaskAccepted):
    """A crawl was taken on. Its task counts the pages and ends when the last of them has."""

    counts: Counts

    @classmethod
    def of_crawl(cls, task: Task, counts: Counts) -> "CrawlAccepted":
        """Shape a parent."""
        return cls(task_id=str(task.id), message="Crawl queued", links=link(task), counts=counts)


@router.post("/webpage", status_code=202)
async def add_webpage(
    agent_id: AgentId, body: WebpageBody, identity: Writer, services: ServicesOf, response: Response
) -> UploadAccepted:
    """Add a web page: its main content, or the document where the address is one's. A task reads it."""
    request = PageRequest(
        identity.organization_id,
        agent_id,
        body.url,
        check_metadata(body.metadata),
        PRIORITIES[body.priority],
        body.on_duplicate,
    )
    accepted = await services.intake.webpages.submit(request)
    response.headers["Location"] = locate(accepted)
    return UploadAccepted.of(accepted)


@router.post("/crawl", status_code=202)
async def crawl_site(
    agent_id: AgentId, body: CrawlBody, identity: Writer, services: ServicesOf, response: Response
) -> CrawlAccepted:
    """Crawl a site. Every page becomes a document; a page the agent has already is read again.

    robots.txt is heeded, and each host is asked for one page at a time, `CRAWL_DELAY_SECONDS` apart.
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
    )
    task = await services.intake.crawls.submit(request)
    response.headers["Location"] = f"/api/v1/tasks/{task.id}"
    counts = await services.queue.tasks.count_children([task])
    return CrawlAccepted.of_crawl(task, counts[task.id])
