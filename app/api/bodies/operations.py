"""Bodies of requests and responses on API keys, queues and workers."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from app.api.bodies.agents import Name
from app.domain.identity import ApiKey, Scope
from app.ledger.workers import Worker


class ApiKeyCreate(BaseModel):
    """A new API key."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"name": "CI", "scopes": ["read"]}})

    name: Name
    scopes: list[Scope] = Field(default=[Scope.READ, Scope.WRITE], min_length=1)


class ApiKeyBody(BaseModel):
    """An API key. Of its secret, only the prefix is stored."""

    id: int
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    revoked_at: datetime | None

    @classmethod
    def of(cls, key: ApiKey) -> "ApiKeyBody":
        """Convert a record."""
        return cls.model_validate(key, from_attributes=True)


class ApiKeyCreated(ApiKeyBody):
    """A new API key with its secret, which is shown only once."""

    secret: str


class ApiKeyList(BaseModel):
    """API keys, the newest first."""

    api_keys: list[ApiKeyBody]
    total: int
    next: str | None


class QueueBody(BaseModel):
    """A queue: `depth` tasks are ready and wait for a worker slot, `delayed` tasks wait for their scheduled time."""

    name: str
    paused: bool
    depth: int
    delayed: int
    running: int
    oldest_age_seconds: float | None
    rate_per_second: float
    workers: int | None
    slots: int | None


class ProviderBody(BaseModel):
    """A provider that receives no requests before `ask_at`: it is down (`open`) or limits requests (`waiting`)."""

    name: str
    state: Literal["open", "waiting"]
    down_since: datetime | None
    ask_at: datetime | None
    reason: str


class QueueList(BaseModel):
    """All queues, and the providers for which work waits."""

    queues: list[QueueBody]
    providers: list[ProviderBody]
    total: int
    next: str | None = None


class QueueUpdated(BaseModel):
    """The queue was paused or resumed."""

    name: str
    paused: bool
    message: str


class WorkerBody(BaseModel):
    """A worker with a valid lease."""

    id: str
    name: str | None
    host: str | None
    pid: int | None
    queues: list[str]
    concurrency: int
    running: int
    started_at: datetime
    lease_expires_at: datetime

    @classmethod
    def of(cls, worker: Worker, *, for_operator: bool) -> "WorkerBody":
        """Convert a record; only operators receive the worker's name, host and process id."""
        values = {name: getattr(worker, name) for name in cls.model_fields}
        hidden = {} if for_operator else dict.fromkeys(("name", "host", "pid"))
        return cls.model_validate({**values, "id": str(worker.id), **hidden})


class WorkerList(BaseModel):
    """The workers with a valid lease."""

    workers: list[WorkerBody]
    total: int
    next: str | None = None
