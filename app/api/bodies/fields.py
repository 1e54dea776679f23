"""Fields that several bodies have, with their descriptions."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field


def example(
    value: dict[str, Any], *, extra: Literal["ignore", "forbid"] = "ignore", populate_by_name: bool = False
) -> ConfigDict:
    """The configuration of a model: its example, what unknown fields are, and whether aliases are optional."""
    return ConfigDict(json_schema_extra={"example": value}, extra=extra, populate_by_name=populate_by_name)


TaskId = Annotated[str, Field(description="The task's id, a UUID.")]
TaskName = Annotated[str, Field(description="What the task does: its name in Celery.")]
QueueName = Annotated[str, Field(description="The queue that the task waits in.")]
AgentId = Annotated[int, Field(description="The agent's id.")]
TaskAgentId = Annotated[
    int | None, Field(description="The agent that the task is about; null if it concerns the whole organization.")
]
DocumentId = Annotated[int, Field(description="The document's id.")]
TaskDocumentId = Annotated[int | None, Field(description="The document that the task is about; null if it has none.")]
Filename = Annotated[str, Field(description="The file's name as the client gave it, or the title of a web page.")]
Message = Annotated[str, Field(description="What happened, for people.")]
Links = Annotated[
    dict[str, str],
    Field(
        description="The paths of the task, its events and its document: `task`, `events`, `document`, if they exist."
    ),
]
Metadata = Annotated[dict[str, Any], Field(description="Any JSON object of the client; search can filter by it.")]
ChunkCount = Annotated[int | None, Field(description="The number of chunks; null until it is known.")]
PageCount = Annotated[int | None, Field(description="The number of pages; null until it is known and without pages.")]
ChunkPage = Annotated[int | None, Field(description="The page that it is on, from 1; null for a format without pages.")]
Start = Annotated[int, Field(description="Where it begins in the document's text, in characters.")]
End = Annotated[int, Field(description="Where it ends in the document's text, in characters, exclusive.")]
Context = Annotated[
    str,
    Field(
        description=(
            "Additional text by which search finds it: the path of the headings above it, and on further lines the "
            "header of a table that begins in an earlier chunk."
        )
    ),
]
Total = Annotated[int, Field(description="The number of items on all pages.")]
Next = Annotated[
    str | None, Field(description="The cursor of the next page, to be sent as `after`; null on the last page.")
]
