"""Bodies of requests and responses on webhooks and their secrets."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, field_validator

from app.api.bodies.fields import Next, Total, example
from app.domain.events import EventType
from app.domain.webhooks import TEST_EVENT, Secret, Webhook, matches

_SECRET = "whsec_pB1DAnC6GUd2cFNDYq5wOvKzmKTfR8UoqGkkfkXnbGQ="  # noqa: S105 - an example
_WEBHOOK = {
    "id": 7,
    "url": "https://example.com/hooks/sluice",
    "description": "Tells the search page that a document is ready",
    "events": ["document.completed", "task.*"],
    "agent_ids": None,
    "enabled": True,
    "disabled_at": None,
    "disabled_reason": None,
    "failures": 0,
    "failing_since": None,
    "created_at": "2026-11-30T09:40:58.004Z",
    "updated_at": "2026-11-30T09:40:58.004Z",
}
_CALLBACK_SECRET = {"secret": _SECRET, "created_at": "2026-11-30T09:40:58.004Z", "expires_at": None}

Url = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
Description = Annotated[str, StringConstraints(max_length=500)]
Pattern = Annotated[
    str, StringConstraints(pattern=r"^(\*|[a-z_]{1,40}(\.[a-z_]{1,60})?|[a-z_]{1,40}\.\*)$", max_length=100)
]
AgentIds = Annotated[list[Annotated[int, Field(ge=1, le=2**63 - 1)]], Field(min_length=1, max_length=1000)]
URL = (
    "Where events are sent by POST: http or https. Internal hosts are refused unless the operator lists them in "
    "`WEB_ALLOWED_HOSTS`; the address is checked again at every delivery, and redirects are not followed."
)
EVENTS = "The types of events to send: exact ones, `task.*` for all that begin so, or `*` for all."
AGENTS = "Only events about these agents; null for all events of the organization."


def _check_events(patterns: list[str]) -> list[str]:
    """Refuse a pattern that no type of events matches, such as a misspelled one."""
    types = [*(kind.value for kind in EventType), TEST_EVENT]
    for pattern in patterns:
        if not any(matches(pattern, kind) for kind in types):
            raise ValueError(f"no type of events matches {pattern}. The types are: {', '.join(types)}")
    return patterns


Events = Annotated[list[Pattern], Field(min_length=1, max_length=100), AfterValidator(_check_events)]


class WebhookCreate(BaseModel):
    """A webhook to register."""

    model_config = example(
        {"url": _WEBHOOK["url"], "description": _WEBHOOK["description"], "events": _WEBHOOK["events"]}, extra="forbid"
    )

    url: Url = Field(description=URL)
    description: Description = Field("", description="What it is for, for people.")
    events: Events = Field(["*"], description=EVENTS)
    agent_ids: AgentIds | None = Field(None, description=AGENTS)
    enabled: bool = Field(default=True, description="Whether events are sent. While it is false, none are kept for it.")


class WebhookUpdate(BaseModel):
    """What to change of a webhook. Omitted fields stay as they are."""

    model_config = example({"events": ["document.*"], "enabled": True}, extra="forbid")

    url: Url = Field("", description=URL)
    description: Description = Field("", description="What it is for, for people.")
    events: Events = Field(["*"], description=EVENTS)
    agent_ids: AgentIds | None = Field(None, description=AGENTS)
    enabled: bool = Field(
        default=True,
        description=(
            "Whether events are sent. If it becomes false, deliveries that were not sent are held until they are "
            "replayed. If it becomes true, the count of failures starts again."
        ),
    )

    @field_validator("url", "description", "events", "enabled", mode="before")
    @classmethod
    def _refuse_null(cls, value: Any) -> Any:
        if value is None:
            raise ValueError("must not be null")
        return value


class WebhookBody(BaseModel):
    """A webhook."""

    model_config = example(_WEBHOOK)

    id: int = Field(description="The webhook's id.")
    url: str = Field(description=URL)
    description: str = Field(description="What it is for, for people.")
    events: list[str] = Field(description=EVENTS)
    agent_ids: list[int] | None = Field(description=AGENTS)
    enabled: bool = Field(description="Whether events are sent to it.")
    disabled_at: datetime | None = Field(description="When it was disabled; null while it is enabled.")
    disabled_reason: Literal["gone", "failing", "requested"] | None = Field(
        description=(
            "Why it is disabled. `gone`: the receiver answered 410. `failing`: every attempt failed for "
            "`WEBHOOK_DISABLE_DAYS` days. `requested`: a client disabled it."
        )
    )
    failures: int = Field(description="The number of failed attempts since the last success.")
    failing_since: datetime | None = Field(description="When the first of them failed; null if none has.")
    created_at: datetime = Field(description="When it was registered.")
    updated_at: datetime = Field(description="When a client last changed it.")

    @classmethod
    def of(cls, webhook: Webhook) -> "WebhookBody":
        """Convert a row."""
        return cls.model_validate({name: getattr(webhook, name) for name in WebhookBody.model_fields})


class WebhookCreated(WebhookBody):
    """A new webhook with its secret, which is shown in this response only."""

    model_config = example({**_WEBHOOK, "secret": _SECRET})

    secret: str = Field(description="Signs every delivery. It is shown here only; a lost one can be rotated.")


class WebhookList(BaseModel):
    """Webhooks, the newest first."""

    model_config = example({"webhooks": [_WEBHOOK], "total": 1, "next": None})

    webhooks: list[WebhookBody] = Field(description="The webhooks of this page.")
    total: Total
    next: Next


class SecretRotation(BaseModel):
    """For how long the former secret signs too."""

    model_config = example({"overlap_hours": 24}, extra="forbid")

    overlap_hours: int = Field(
        24,
        ge=0,
        le=720,
        description=(
            "For so many hours, deliveries are signed with the former secret too: `webhook-signature` then has two "
            "signatures, separated by a space. 0 ends it at once."
        ),
    )


class SecretRotated(BaseModel):
    """The new secret of a webhook, which is shown in this response only."""

    model_config = example({"secret": _SECRET, "former_expires_at": "2026-12-01T09:40:58.004Z"})

    secret: str = Field(description="Signs every delivery from now on.")
    former_expires_at: datetime | None = Field(
        description="Until when deliveries are signed with the former secret too; null if they are not."
    )


class CallbackSecret(BaseModel):
    """A secret that signs the organization's callbacks."""

    model_config = example(_CALLBACK_SECRET)

    secret: str = Field(description="The secret.")
    created_at: datetime = Field(description="When it was made.")
    expires_at: datetime | None = Field(description="Until when it signs; null for the current one.")


class CallbackSecretList(BaseModel):
    """The secrets that sign the organization's callbacks, the current one first."""

    model_config = example({"secrets": [_CALLBACK_SECRET], "total": 1, "next": None})

    secrets: list[CallbackSecret] = Field(description="One, or two after a rotation.")
    total: Total
    next: Next = None

    @classmethod
    def of(cls, secrets: Sequence[Secret]) -> "CallbackSecretList":
        """Convert rows."""
        bodies = [
            CallbackSecret(secret=one.secret, created_at=one.created_at, expires_at=one.expires_at) for one in secrets
        ]
        return cls(secrets=bodies, total=len(bodies))
