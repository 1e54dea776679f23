"""Bodies of requests and responses on queues and workers."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from app.api.bodies.fields import Message, Next, Total, example
from app.ledger.workers import Worker

_TIME = "2026-11-23T09:41:07.120Z"
_QUEUE = {
    "name": "high_priority",
    "paused": False,
    "depth": 12,
    "delayed": 0,
    "running": 4,
    "oldest_age_seconds": 1.8,
    "rate_per_second": 5.25,
    "workers": 1,
    "slots": 4,
}
_PROVIDER = {
    "name": "openai-embeddings",
    "state": "open",
    "down_since": _TIME,
    "ask_at": "2026-11-23T09:41:37.120Z",
    "reason": "Status 500",
}
_WORKER = {
    "id": "01934b1c-8e2f-7c3a-9d4e-5f6a7b8c9d0e",
    "name": "high@host",
    "host": "host",
    "pid": 4711,
    "queues": ["high_priority"],
    "concurrency": 4,
    "running": 1,
    "started_at": _TIME,
    "lease_expires_at": "2026-11-23T09:41:22.120Z",
}


class QueueBody(BaseModel):
    """A queue: `depth` tasks are ready and wait for a worker slot, `delayed` tasks wait for their scheduled time."""

    model_config = example(_QUEUE)

    name: str = Field(description="The queue's name.")
    paused: bool = Field(description="Whether it is paused, so that none of its tasks starts.")
    depth: int = Field(description="The number of tasks that are ready and wait for a worker slot.")
    delayed: int = Field(description="The number of tasks that wait for a scheduled time, such as their next attempt.")
    running: int = Field(description="The number of tasks that workers run.")
    oldest_age_seconds: float | None = Field(
        description="How long the oldest ready task has waited; null if none does."
    )
    rate_per_second: float = Field(description="The number of tasks that ended recently, for each second.")
    workers: int | None = Field(description="The number of live workers; null unless the key has the scope `operator`.")
    slots: int | None = Field(
        description="The number of tasks that they run at once; null unless the key has the scope `operator`."
    )


class ProviderBody(BaseModel):
    """A provider that receives no requests before `ask_at`: it is down (`open`) or limits requests (`waiting`)."""

    model_config = example(_PROVIDER)

    name: str = Field(description="The provider's name.")
    state: Literal["open", "waiting"] = Field(description="`open`: it is down. `waiting`: it limits requests.")
    down_since: datetime | None = Field(description="Since when it is down; null if it is not.")
    ask_at: datetime | None = Field(description="When it receives the next request; null if that is not known.")
    reason: str = Field(description="Why it receives none, for people.")


class QueueList(BaseModel):
    """All queues, and the providers for which work waits."""

    model_config = example({"queues": [_QUEUE], "providers": [_PROVIDER], "total": 1, "next": None})

    queues: list[QueueBody] = Field(description="All queues, the most urgent first.")
    providers: list[ProviderBody] = Field(description="The providers that are down or limit requests.")
    total: Total
    next: Next = None


class QueueUpdated(BaseModel):
    """The queue was paused or resumed."""

    model_config = example({"name": "low_priority", "paused": True, "message": "Queue has been paused"})

    name: str = Field(description="The queue's name.")
    paused: bool = Field(description="Whether it is paused now.")
    message: Message


class WorkerBody(BaseModel):
    """A worker with a valid lease."""

    model_config = example(_WORKER)

    id: str = Field(description="The worker's id, a UUID, new at every start.")
    name: str | None = Field(description="Its name in Celery; null unless the key has the scope `operator`.")
    host: str | None = Field(description="Its host; null unless the key has the scope `operator`.")
    pid: int | None = Field(description="Its process id; null unless the key has the scope `operator`.")
    queues: list[str] = Field(description="The queues that it serves, its own first.")
    concurrency: int = Field(description="The number of tasks that it runs at once.")
    running: int = Field(description="The number of tasks that it runs now, as far as the key may see them.")
    started_at: datetime = Field(description="When it started.")
    lease_expires_at: datetime = Field(description="When other workers recover its tasks, unless it renews its lease.")

    @classmethod
    def of(cls, worker: Worker, *, for_operator: bool) -> "WorkerBody":
        """Convert a record; only operators receive the worker's name, host and process id."""
        values = {name: getattr(worker, name) for name in cls.model_fields}
        hidden = {} if for_operator else dict.fromkeys(("name", "host", "pid"))
        return cls.model_validate({**values, "id": str(worker.id), **hidden})


class WorkerList(BaseModel):
    """The workers with a valid lease."""

    model_config = example({"workers": [_WORKER], "total": 1, "next": None})

    workers: list[WorkerBody] = Field(description="The workers.")
    total: Total
    next: Next = None
