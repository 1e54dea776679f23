"""What requests and answers on API keys, queues and workers hold."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from app.api.bodies.agents import Name
from app.domain.identity import ApiKey, Scope


class ApiKeyCreate(BaseModel):
    """A new API key."""

    name: Name
    scopes: list[Scope] = Field(default=[Scope.READ, Scope.WRITE], min_length=1)


class ApiKeyBody(BaseModel):
    """An API key; of the secret only its beginning is known."""

    id: int
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    revoked_at: datetime | None

    @classmethod
    def of(cls, key: ApiKey) -> "ApiKeyBody":
        """Shape a record."""
        return cls.model_validate(key, from_attributes=True)


class ApiKeyCreated(ApiKeyBody):
    """A new API key with its secret, which is shown only now."""

    secret: str


class ApiKeyList(BaseModel):
    """API keys, the newest first."""

    api_keys: list[ApiKeyBody]
    total: int
    next: str | None


class QueueBody(BaseModel):
    """A queue: ``depth`` tasks could run and wait, ``delayed`` ones wait for their time."""

    name: str
    paused: bool
    depth: int
    delayed: int
    running: int
    oldest_age_seconds: float | None
    rate_per_second: float
    workers: int
    slots: int


class ProviderBody(BaseModel):
    """A provider that is not asked before ``ask_at``: it is down (``open``), or asked for quiet (``waiting``)."""

    name: str
    state: Literal["open", "waiting"]
    down_since: datetime | None
    ask_at: datetime | None
    reason: str


class QueueList(BaseModel):
    """Every queue, and the providers whose work waits."""

    queues: list[QueueBody]
    providers: list[ProviderBody]
    total: int
    next: str | None = None


class QueueUpdated(BaseModel):
    """A queue was paused or resumed."""

    name: str
    paused: bool
    message: str


class WorkerBody(BaseModel):
    """A worker that lives."""

    id: str
    name: str
    host: str
    pid: int
    queues: list[str]
    concurrency: int
    running: int
    started_at: datetime
    lease_expires_at: datetime


class WorkerList(BaseModel):
    """The workers that live."""

    workers: list[WorkerBody]
    total: int
    next: str | None = None
