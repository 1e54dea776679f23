"""Bodies of requests and responses on web pages and crawls."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.api.bodies.tasks import TaskAccepted, link
from app.domain.documents import OnDuplicate
from app.domain.tasks import Counts, Task

Address = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Priority = Literal["high", "medium", "low"]


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
