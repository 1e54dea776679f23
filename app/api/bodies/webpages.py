"""Bodies of requests and responses on web pages and crawls."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from app.api.bodies.fields import example
from app.api.bodies.tasks import ACCEPTED, COUNTS, CountsBody, TaskAccepted, make_task_links
from app.domain.documents import OnDuplicate
from app.domain.tasks import Counts, Task

Address = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Priority = Literal["high", "medium", "low"]


CallbackUrl = Annotated[
    Address | None,
    Field(
        description=(
            "An http or https URL that receives the event of the job's end, `task.succeeded`, `task.failed` or "
            "`task.cancelled`, signed with the secret at `GET /webhooks/callbacks/secret`. Null: none."
        )
    ),
]

METADATA = "A JSON object, stored with each document: at most 64 KB, nested at most 16 levels deep."


class WebpageBody(BaseModel):
    """A web page to read. Only public hosts are allowed, and those that the operator lists in `WEB_ALLOWED_HOSTS`."""

    model_config = example({"url": "https://example.com/handbook", "metadata": {"team": "support"}}, extra="forbid")

    url: Address = Field(description="The page's address: http or https.")
    metadata: dict[str, Any] = Field({}, description=METADATA)
    priority: Priority = Field("high", description="The queue of the task.")
    on_duplicate: OnDuplicate = Field(
        OnDuplicate.SKIP,
        description="What to do if the agent already has this address: `replace` reads the page again.",
    )
    callback_url: CallbackUrl = None


class CrawlBody(BaseModel):
    """A site to read: the page at `url` and the pages of the same site that it links to."""

    model_config = example(
        {
            "url": "https://example.com/docs/",
            "max_pages": 200,
            "max_depth": 3,
            "include": ["/docs/*"],
            "exclude": ["*/print/*"],
        },
        extra="forbid",
    )

    url: Address = Field(description="The address of the first page: http or https.")
    max_pages: int = Field(100, ge=1, le=10_000, description="Maximum number of pages that are read.")
    max_depth: int = Field(
        3, ge=0, le=50, description="Maximum number of links from the first page; 0 reads only that page."
    )
    include: list[Pattern] = Field(
        [],
        max_length=100,
        description="Shell patterns for path and query. Only pages that match at least one are read.",
    )
    exclude: list[Pattern] = Field(
        [], max_length=100, description="Shell patterns for path and query. Pages that match any of them are not read."
    )
    metadata: dict[str, Any] = Field({}, description=METADATA)
    priority: Priority = Field("low", description="The queue of the tasks.")
    callback_url: CallbackUrl = None


class CrawlAccepted(TaskAccepted):
    """The crawl is queued. Its task counts the pages and ends after the last of them."""

    model_config = example({**ACCEPTED, "message": "Crawl queued", "counts": {**COUNTS, "total": 1}})

    counts: CountsBody = Field(description="The pages found so far, by the state of their tasks.")

    @classmethod
    def of_crawl(cls, task: Task, counts: Counts) -> "CrawlAccepted":
        """Convert a parent."""
        return cls(
            task_id=str(task.id),
            message="Crawl queued",
            links=make_task_links(task),
            counts=CountsBody(**asdict(counts)),
        )
