"""Bodies of responses to uploads."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Literal

from pydantic import BaseModel, Field

from app.api.bodies.fields import DocumentId, Filename, Links, Message, TaskId, example
from app.api.bodies.tasks import (
    ACCEPTED,
    COUNTS,
    LINKS,
    TASK_ID,
    CountsBody,
    ErrorBody,
    TaskAccepted,
    make_links,
    make_task_links,
)
from app.domain.counting import count_of
from app.domain.documents import DocumentStatus
from app.domain.tasks import Counts, Task
from app.services.intake.uploads import Accepted

_CHECK_PROGRESS = "Use GET /api/v1/tasks/{task_id} to check progress"
_NOTHING_TO_PROCESS = "Nothing is left to process: use GET /api/v1/documents/{document_id} to see the document"
_UPLOAD = {
    "id": 123,
    "document_id": 123,
    "task_id": TASK_ID,
    "status": "queued",
    "filename": "document.pdf",
    "duplicate_of": None,
    "message": "Document uploaded successfully and queued for processing",
    "processing_note": _CHECK_PROGRESS,
    "links": {**LINKS, "document": "/api/v1/documents/123"},
}
_BATCH_FILE = {
    "filename": "document.pdf",
    "document_id": 123,
    "task_id": TASK_ID,
    "duplicate_of": None,
    "error": None,
}


class UploadAccepted(BaseModel):
    """The upload is stored and its document waits to be processed, or the agent already has the document.

    `task_id` names a task that exists. It is null, and `links` has no `task` and no `events`, for a duplicate whose
    task was deleted after `TASK_RETENTION_DAYS`.
    """

    model_config = example(_UPLOAD)

    id: int = Field(description="The document's id.")
    document_id: int = Field(description="The same as `id`.")
    task_id: str | None = Field(description="The task that processes it; null if nothing is left to process.")
    status: DocumentStatus = Field(DocumentStatus.QUEUED, description="The status of the document.")
    filename: Filename
    duplicate_of: int | None = Field(None, description="The document that the agent already had; null if it is new.")
    message: Message = "Document uploaded successfully and queued for processing"
    processing_note: str = Field(_CHECK_PROGRESS, description="What to do next, for people.")
    links: Links

    @classmethod
    def of(cls, accepted: Accepted) -> "UploadAccepted":
        """Convert the result of an upload."""
        return cls(
            id=accepted.document_id,
            document_id=accepted.document_id,
            task_id=str(accepted.task_id) if accepted.task_id else None,
            status=accepted.status,
            filename=accepted.filename,
            duplicate_of=accepted.duplicate_of,
            message=accepted.message,
            processing_note=_CHECK_PROGRESS if accepted.task_id else _NOTHING_TO_PROCESS,
            links=make_links(accepted.task_id, accepted.document_id),
        )


def locate(accepted: Accepted) -> str:
    """The `Location` of an upload: its task, or its document if it has no task."""
    links = make_links(accepted.task_id, accepted.document_id)
    return links.get("task", links["document"])


class CollectionUploadAccepted(BaseModel):
    """The upload is stored. `task_id` is null for a duplicate whose task was deleted after `TASK_RETENTION_DAYS`."""

    model_config = example(
        {
            "task_id": TASK_ID,
            "document_id": 123,
            "filename": "document.pdf",
            "collection": "default",
            "status": "PENDING",
            "message": "Document uploaded successfully and queued for processing",
        }
    )

    task_id: str | None = Field(description="The task that processes it; null if nothing is left to process.")
    document_id: DocumentId
    filename: Filename
    collection: str = Field(description="The collection, which is the agent's slug.")
    status: Literal["PENDING"] = Field("PENDING", description="Always `PENDING`.")
    message: Message


class BatchFile(BaseModel):
    """A file of a batch, and its task."""

    model_config = example(_BATCH_FILE)

    filename: Filename
    document_id: int | None = Field(description="Its document; null if it was rejected.")
    task_id: TaskId
    duplicate_of: int | None = Field(description="The document that the agent already had; null if it is new.")
    error: ErrorBody | None = Field(description="Why it was rejected; null if it was accepted.")

    @classmethod
    def of(cls, child: Task) -> "BatchFile":
        """Convert a child task as it was submitted."""
        return cls(
            filename=child.metadata["filename"],
            document_id=child.document_id,
            task_id=str(child.id),
            duplicate_of=(child.result or {}).get("duplicate_of"),
            error=ErrorBody.model_validate(child.error) if child.error else None,
        )


class BatchAccepted(TaskAccepted):
    """The batch is stored. Its task counts the files and ends after the last of them."""

    model_config = example(
        {**ACCEPTED, "message": "4 files accepted", "counts": {**COUNTS}, "files": [_BATCH_FILE]},
    )

    counts: CountsBody = Field(description="The files by the state of their tasks.")
    files: list[BatchFile] = Field(description="The files, in the order of the request.")

    @classmethod
    def of_batch(cls, parent: Task, children: Sequence[Task], counts: Counts) -> "BatchAccepted":
        """Convert a parent with its children."""
        return cls(
            task_id=str(parent.id),
            message=_describe_batch(children),
            links=make_task_links(parent),
            counts=CountsBody(**asdict(counts)),
            files=[BatchFile.of(child) for child in children],
        )


def _describe_batch(children: Sequence[Task]) -> str:
    """How many files were accepted; duplicates are."""
    accepted = sum(child.error is None for child in children)
    if accepted < len(children):
        return f"{accepted} of {len(children)} files accepted; `error` of the others says why"
    return f"{count_of(accepted, 'file')} accepted"
