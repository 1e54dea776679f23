"""Tasks and their parts, as rows of the ledger."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.domain.ids import TaskId, WorkerId, new_task_id
from app.domain.records import Document
from app.domain.states import State
from app.domain.web_url import read_authority


class Queue(StrEnum):
    """The queues, most urgent first. ``DEAD_LETTER`` carries alerts only."""

    HIGH = "high_priority"
    MEDIUM = "medium_priority"
    LOW = "low_priority"
    DEFAULT = "default"
    DEAD_LETTER = "dead_letter"


CHILDREN_STAGE = "children"
"""The stage of a parent while its children run."""

ASKED_BY, ASKED_FILTER = "asked_by_key", "document_filter"
"""The arguments of a question that a key with a document filter has asked: the key's id and its filter."""

HISTORY_LENGTH = 20
"""The number of unsuccessful attempts that a task's row keeps, the latest ones."""

CONTINUE_SECONDS = 2
"""How long after the start of a message its slot may begin further tasks.

Long enough that messages cost little, short enough that Celery's time limits, its view of what runs, and the memory
limit of its processes, which it checks after each message, keep their meaning.
"""

WORK_QUEUES = (Queue.HIGH, Queue.MEDIUM, Queue.LOW, Queue.DEFAULT)


class TaskName(StrEnum):
    """The names under which tasks are registered with Celery."""

    PROCESS_DOCUMENT = "app.tasks.document_tasks.process_document"
    PROCESS_WEBPAGE = "app.tasks.document_tasks.process_webpage"
    PROCESS_ARCHIVE = "app.tasks.document_tasks.process_archive"
    PROCESS_BATCH = "app.tasks.document_tasks.process_batch"
    CRAWL_SITE = "app.tasks.document_tasks.crawl_site"
    DELETE_DOCUMENT = "app.tasks.document_tasks.delete_document"
    DELETE_AGENT = "app.tasks.document_tasks.delete_agent"
    EMBED_CHUNKS = "app.tasks.embedding_tasks.embed_chunks"
    REEMBED_DOCUMENT = "app.tasks.embedding_tasks.reembed_document"
    CALIBRATE_AGENT = "app.tasks.embedding_tasks.calibrate_agent"
    PUBLISH_DOCUMENT = "app.tasks.vector_tasks.publish_document"
    SWEEP_DOCUMENT = "app.tasks.vector_tasks.sweep_document"
    ANSWER_QUESTION = "app.tasks.answer_tasks.answer_question"
    EVALUATE = "app.tasks.evaluation_tasks.evaluate"
    DECIDE_INDEX = "app.tasks.evaluation_tasks.decide_index"
    GENERATE_SPECS = "app.tasks.spec_tasks.generate_specs"
    WRITE_SPECS = "app.tasks.spec_tasks.write_specs"
    IMPORT_AGENTS = "app.tasks.onboarding_tasks.import_agents"
    CREATE_AGENTS = "app.tasks.onboarding_tasks.create_agents"
    REPORT_AGENTS = "app.tasks.onboarding_tasks.report_agents"
    SUM_USAGE = "app.tasks.usage_tasks.sum_usage"
    ENRICH_PROFILE = "app.tasks.profile_tasks.enrich_profile"
    ENRICH_PROFILES = "app.tasks.profile_tasks.enrich_profiles"
    ENRICH_DUE_PROFILES = "app.tasks.profile_tasks.enrich_due_profiles"
    DELIVER_EVENT = "app.tasks.notification_tasks.deliver_event"
    SUBMIT_RETENTION = "app.tasks.upkeep_tasks.submit_retention"
    APPLY_RETENTION = "app.tasks.upkeep_tasks.apply_retention"
    SWEEP_STORAGE = "app.tasks.upkeep_tasks.sweep_storage"
    MAIL_DEAD_LETTERS = "app.tasks.upkeep_tasks.mail_dead_letters"
    SUBMIT_REPORTS = "app.tasks.report_tasks.submit_reports"
    MAKE_REPORT = "app.tasks.report_tasks.make_report"
    SEND_MAIL = "app.tasks.report_tasks.send_mail"
    PING = "app.tasks.upkeep_tasks.ping"
    ANNOUNCE_DEAD_LETTER = "app.tasks.upkeep_tasks.announce_dead_letter"


INDEXING = (
    TaskName.PROCESS_DOCUMENT,
    TaskName.PROCESS_WEBPAGE,
    TaskName.PROCESS_ARCHIVE,
    TaskName.GENERATE_SPECS,
)
"""Tasks that set a document's content. At most one of them at a time works on a document."""


def name_host(url: str | None) -> dict[str, str]:
    """The argument of a task that reads a web page before it is processed: the host of the page, with its port."""
    host = read_authority(url)
    return {"fetch_host": host} if host else {}


def name_callback(url: str | None) -> dict[str, str]:
    """The argument of a job whose end is sent to a callback URL. The trigger that writes the event reads it."""
    return {"callback_url": url} if url else {}


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task to submit."""

    organization_id: int
    agent_id: int
    name: TaskName
    queue: Queue
    document_id: int | None = None
    parent_id: TaskId | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    id: TaskId = field(default_factory=new_task_id)

    @classmethod
    def for_document(cls, document: Document, name: TaskName, queue: Queue) -> "NewTask":
        """A task on a document."""
        return cls(
            document.organization_id,
            document.agent_id,
            name,
            queue,
            document.id,
            arguments=name_host(document.source_url) if name is TaskName.PROCESS_WEBPAGE else {},
            metadata={"filename": document.filename},
        )

    @classmethod
    def for_document_of(cls, task: "Task", name: TaskName, queue: Queue) -> "NewTask":
        """A task on the document of another task, whose metadata it copies."""
        return cls(task.organization_id, task.agent_id, name, queue, task.document_id, metadata=task.metadata)

    @classmethod
    def child_of(cls, parent: "Task", name: TaskName, queue: Queue, arguments: Mapping[str, Any]) -> "NewTask":
        """A child on its parent's document, whose metadata it copies."""
        return replace(cls.for_document_of(parent, name, queue), parent_id=parent.id, arguments=arguments)


@dataclass(frozen=True, slots=True)
class Counts:
    """The number of a parent's children by state. ``pending`` includes those that wait for a retry."""

    total: int = 0
    pending: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    revoked: int = 0


@dataclass(frozen=True, slots=True)
class TaskLabel:
    """What a task is about, for people."""

    agent_id: int | None = None
    document_id: int | None = None
    filename: str | None = None


@dataclass(frozen=True, slots=True)
class Bell:
    """A message to the broker: the task's id, the Celery name and the queue. It may be lost or duplicated.

    ``label`` is for people who look at Flower or ``celery inspect``. Nothing depends on it. With a ``limit``, the
    message is not needed while that many messages wait in its queue: each of them gives a slot the next task.
    """

    task_id: TaskId
    name: str
    queue: str
    arguments: tuple[str, ...] = ()
    label: TaskLabel = field(default=TaskLabel(), compare=False)
    limit: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of a task, identified by its epoch. It is superseded when the row's epoch is higher."""

    task_id: TaskId
    epoch: int


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of an attempt. ``current`` counts up to 100; ``reported_at`` is a time of ``time.monotonic``."""

    stage: str
    current: int
    status: str
    chunk_count: int | None = None
    reported_at: float = field(default_factory=time.monotonic, compare=False)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed."""

    code: str
    message: str
    retryable: bool
    traceback: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The object stored in ``tasks.error``."""
        return {"code": self.code, "message": self.message, "retryable": self.retryable, "traceback": self.traceback}


@dataclass(frozen=True, slots=True)
class Task:
    """A row of ``tasks``.

    ``stages`` contains ``{name, at, version, current, status}`` for each stage entered, ``at`` in Unix milliseconds.
    ``history`` contains the latest unsuccessful attempts, each ``{attempt, started_at, ended_at, outcome, stage,
    worker, code, message}``.
    """

    id: TaskId
    organization_id: int
    agent_id: int
    document_id: int | None
    parent_id: TaskId | None
    name: str
    queue: str
    state: State
    arguments: Mapping[str, Any]
    metadata: Mapping[str, Any]
    attempt: int
    retries: int
    crashes: int
    epoch: int
    version: int
    worker_id: WorkerId | None
    pid: int | None
    current: int
    stage: str | None
    status: str
    stages: Sequence[Mapping[str, Any]]
    chunk_count: int | None
    result: Any
    error: Mapping[str, Any] | None
    created_at: datetime
    available_at: datetime
    queued_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    cancel_requested_at: datetime | None
    dead_lettered_at: datetime | None
    announced_at: datetime | None
    history: Sequence[Mapping[str, Any]]
    rings: int = 0
    helper: str | None = None

    def __post_init__(self) -> None:
        """Convert the state, which rows contain as text."""
        object.__setattr__(self, "state", State(self.state))

    def require_document_id(self) -> int:
        """The id of the document that this task is about.

        Raises:
            ValueError: the task has no document.
        """
        if self.document_id is None:
            raise ValueError(f"Task {self.id} has no document.")
        return self.document_id

    @property
    def attempt_token(self) -> Attempt:
        """The fencing token that every write of this attempt must name."""
        return Attempt(self.id, self.epoch)

    @property
    def is_parent(self) -> bool:
        """Whether the task has children."""
        return self.stage == CHILDREN_STAGE

    @property
    def bell(self) -> Bell:
        """The message that asks a worker to claim this task."""
        label = TaskLabel(self.agent_id, self.document_id, self.metadata.get("filename"))
        return Bell(self.id, self.name, self.queue, label=label)
