"""The results of tasks, by task name.

They describe what services write. A response contains the result as it is stored, so these models are used only in the
OpenAPI document, by ``app.api.description``.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from app.api.bodies.bulk import BulkResult
from app.api.bodies.evaluation_reports import SUMMARY, EvaluationSummary
from app.api.bodies.fields import DocumentId, End, Filename, PageCount, Start, example
from app.api.bodies.organization_results import (
    DeadLettersMailedResult,
    DeliveryResult,
    MailResult,
    ReportResult,
    ReportsSubmittedResult,
    RetentionResult,
    RetentionSubmittedResult,
    StorageSweptResult,
    UsageSummedResult,
)
from app.api.bodies.profile_results import DueProfilesResult, ProfileResult
from app.api.bodies.spec_results import SpecsResult
from app.domain.tasks import TaskName

REFERENCE = {
    "document_id": 123,
    "filename": "harbour.pdf",
    "page": 3,
    "start": 1230,
    "end": 1264,
    "quote": "Its maximum draught is 2.4 metres.",
}
_FAILURE = {
    "task_id": "01934b1c-8e2f-7c3a-9d4e-5f6a7b8c9d0e",
    "document_id": None,
    "filename": "picture.png",
    "code": "unsupported_type",
    "message": "This file type is not supported. The file is a PNG image.",
}


class DocumentResult(BaseModel):
    """The document was processed: search finds it."""

    model_config = example(
        {"document_id": 123, "filename": "report.pdf", "page_count": 40, "chunk_count": 45, "characters": 38_211}
    )

    document_id: DocumentId
    filename: Filename
    page_count: PageCount
    chunk_count: int = Field(description="The number of chunks.")
    characters: int = Field(description="The length of the text.")


class DuplicateResult(BaseModel):
    """A file of a batch or an archive was not processed, because the agent already has its bytes."""

    model_config = example({"document_id": 123, "duplicate_of": 123, "filename": "report.pdf"})

    document_id: DocumentId
    duplicate_of: int = Field(description="The document that has the same bytes.")
    filename: Filename


class SkippedPageResult(BaseModel):
    """A page of a crawl was not made a document."""

    model_config = example(
        {
            "document_id": None,
            "url": "https://example.com/print/a",
            "skipped": "The site's robots.txt disallows reading this page.",
            "code": "disallowed_by_robots",
        }
    )

    document_id: None = Field(description="Always null.")
    url: str = Field(description="The page's address.")
    skipped: str = Field(description="Why it was skipped.")
    code: str = Field(
        description="The reason: the code of an error, `noindex`, `outside_of_crawl` or `already_in_crawl`."
    )


class FailedChild(BaseModel):
    """A child that failed."""

    model_config = example(_FAILURE)

    task_id: str = Field(description="The child's task.")
    document_id: int | None = Field(description="Its document; null if it has none.")
    filename: str | None = Field(description="The file's name.")
    code: str | None = Field(description="The code of the error.")
    message: str | None = Field(description="The message of the error.")


class ChildrenResult(BaseModel):
    """An archive, a batch or a crawl has ended: the number of its children by state."""

    model_config = example({"total": 4, "succeeded": 3, "failed": 1, "revoked": 0, "failures": [_FAILURE]})

    total: int = Field(description="The number of children.")
    succeeded: int = Field(description="The children that succeeded.")
    failed: int = Field(description="The children that failed.")
    revoked: int = Field(description="The children that were cancelled.")
    failures: list[FailedChild] = Field(description="The first children that failed.")
    skipped: int | None = Field(
        None,
        description="Of a crawl: the pages that are no documents. They count as succeeded, or revoked if overtaken.",
    )
    skipped_by_code: dict[str, int] | None = Field(None, description="Of a crawl: the skipped pages by reason.")


class EmbeddedResult(BaseModel):
    """Chunks of a document were embedded."""

    model_config = example({"document_id": 123, "chunk_count": 45})

    document_id: DocumentId
    chunk_count: int | None = Field(description="The number of chunks.")


class CalibratedResult(BaseModel):
    """How well the embedding model finds the agent's texts was measured."""

    model_config = example({"chunk_count": 128})

    chunk_count: int = Field(description="The number of chunks that were measured; 0 if the index was abandoned.")


class DocumentRemovedResult(BaseModel):
    """A document, or a part of it that search no longer finds, was removed."""

    model_config = example({"document_id": 123, "chunks": 45, "files": 1})

    document_id: DocumentId
    chunks: int = Field(description="The number of chunks that were removed.")
    files: int | None = Field(None, description="The number of files that were deleted.")


class AgentRemovedResult(BaseModel):
    """An agent and its documents were removed."""

    model_config = example({"documents": 12})

    documents: int = Field(description="The number of documents that were removed.")


class Reference(BaseModel):
    """A passage that an answer is based on."""

    model_config = example(REFERENCE)

    document_id: DocumentId
    filename: Filename
    page: int | None = Field(description="The page that it is on, from 1; null for a format without pages.")
    start: Start
    end: End
    quote: str = Field(description="The passage.")


class AnswerResult(BaseModel):
    """The answer to a question."""

    model_config = example(
        {
            "answered": True,
            "answer": "Its maximum draught is 2.4 metres. [1]",
            "references": [REFERENCE],
            "mode": "extractive",
            "processing_time": 0.0213,
        }
    )

    answered: bool | None = Field(
        None, description="Whether the documents hold an answer; null in results of earlier releases."
    )
    answer: str = Field(description="The answer, or that there is none. `[1]` refers to the first of `references`.")
    references: list[Reference] = Field(description="The passages that it is based on.")
    mode: Literal["llm", "extractive"] = Field(
        description="`llm`: written by a language model. `extractive`: made of quoted sentences."
    )
    processing_time: float = Field(description="How long it took, in seconds.")
    model: str | None = Field(None, description="The language model, with the mode `llm`.")
    usage: dict[str, int] | None = Field(
        None, description="The tokens that the language model counted: `input_tokens` and `output_tokens`."
    )
    truncated: bool | None = Field(
        None, description="With the mode `llm`: whether the answer ends at the limit of its tokens."
    )
    unsupported: list[str] | None = Field(
        None,
        description=(
            "With the mode `llm`: the sentences, and parts of sentences, that the language model wrote and no passage "
            "supports. Those in `answer` cite nothing; if `answered` is false, `answer` contains none of them."
        ),
    )
    question: str | None = Field(
        None, description="Of a question with a `history`: the question that was answered, complete in itself."
    )


class EvaluationResult(BaseModel):
    """An evaluation has ended."""

    model_config = example({"evaluation_id": 7, "summary": SUMMARY})

    evaluation_id: int = Field(description="The evaluation.")
    summary: EvaluationSummary | None = Field(None, description="Its figures; null if it was deleted in the meantime.")


class IndexDecisionResult(BaseModel):
    """A new vector index was compared with the active one."""

    model_config = example({"index_id": 2, "accepted": True})

    index_id: int = Field(description="The new index.")
    accepted: bool | None = Field(None, description="Whether it may become active; null if it was abandoned.")


class ErasedResult(BaseModel):
    """What remains of a result when its document or its agent is deleted."""

    model_config = example({"document_id": 123})

    document_id: int | None = Field(description="The document that was deleted; null if the task had none.")


RESULTS: dict[TaskName, tuple[type[BaseModel], ...]] = {
    TaskName.PROCESS_DOCUMENT: (DocumentResult, DuplicateResult),
    TaskName.PROCESS_WEBPAGE: (DocumentResult, SkippedPageResult),
    TaskName.PROCESS_ARCHIVE: (ChildrenResult, DuplicateResult),
    TaskName.PROCESS_BATCH: (ChildrenResult,),
    TaskName.CRAWL_SITE: (ChildrenResult,),
    TaskName.DELETE_DOCUMENT: (DocumentRemovedResult,),
    TaskName.DELETE_AGENT: (AgentRemovedResult,),
    TaskName.EMBED_CHUNKS: (EmbeddedResult,),
    TaskName.REEMBED_DOCUMENT: (EmbeddedResult,),
    TaskName.CALIBRATE_AGENT: (CalibratedResult,),
    TaskName.PUBLISH_DOCUMENT: (DocumentResult,),
    TaskName.SWEEP_DOCUMENT: (DocumentRemovedResult,),
    TaskName.ANSWER_QUESTION: (AnswerResult,),
    TaskName.EVALUATE: (EvaluationResult,),
    TaskName.DECIDE_INDEX: (IndexDecisionResult,),
    TaskName.GENERATE_SPECS: (SpecsResult,),
    TaskName.WRITE_SPECS: (SpecsResult,),
    TaskName.IMPORT_AGENTS: (BulkResult,),
    TaskName.CREATE_AGENTS: (),
    TaskName.REPORT_AGENTS: (BulkResult,),
    TaskName.SUM_USAGE: (UsageSummedResult,),
    TaskName.SUBMIT_REPORTS: (ReportsSubmittedResult,),
    TaskName.MAKE_REPORT: (ReportResult,),
    TaskName.SEND_MAIL: (MailResult,),
    TaskName.ENRICH_PROFILE: (ProfileResult,),
    TaskName.ENRICH_PROFILES: (ChildrenResult,),
    TaskName.ENRICH_DUE_PROFILES: (DueProfilesResult,),
    TaskName.DELIVER_EVENT: (DeliveryResult,),
    TaskName.SUBMIT_RETENTION: (RetentionSubmittedResult,),
    TaskName.APPLY_RETENTION: (RetentionResult,),
    TaskName.SWEEP_STORAGE: (StorageSweptResult,),
    TaskName.MAIL_DEAD_LETTERS: (DeadLettersMailedResult,),
}
"""The models of a successful task's result. Tasks that are not listed have none."""

MODELS: tuple[type[BaseModel], ...] = tuple(
    dict.fromkeys([*(model for models in RESULTS.values() for model in models), ErasedResult])
)
"""Every model of a result."""


def describe_results() -> str:
    """The table of results, in Markdown."""
    rows = (f"| `{name}` | {' or '.join(model.__name__ for model in models)} |" for name, models in RESULTS.items())
    head = "Null until the task has succeeded; `ErasedResult` once its document or agent is deleted. Otherwise:\n"
    return "\n".join([head, "| `task_name` | result |", "|---|---|", *rows])


Result = Annotated[Any, Field(description=describe_results())]
