"""Bodies of the feed of events, and of the requests to webhooks."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field, create_model

from app.api.bodies.event_data import KINDS
from app.api.bodies.fields import Next, example
from app.domain.events import EventType, RecordedEvent, make_envelope

_ENVELOPE = {
    "id": "evt_4711",
    "type": EventType.TASK_SUCCEEDED.value,
    "timestamp": "2026-11-30T09:41:07.311Z",
    "organization_id": 1,
    "position": 42,
    "data": KINDS[EventType.TASK_SUCCEEDED].example,
}


class _Envelope(BaseModel):
    id: str = Field(description="The event's id. It never changes: a repeated delivery has the same one.")
    timestamp: datetime = Field(description="When it happened.")
    organization_id: int = Field(description="The organization's id.")
    position: int = Field(description="Its place in the organization's feed: 1, 2, 3 and so on, without gaps.")


class EventBody(_Envelope):
    """An event. `data` depends on the type: see the webhooks in this document."""

    model_config = example(_ENVELOPE)

    type: str = Field(description="Its type, such as `task.succeeded`. Later versions may add types.")
    data: dict[str, Any] = Field(description="What it is about: less than 20 KB, without text of documents.")

    @classmethod
    def of(cls, event: RecordedEvent) -> "EventBody":
        """Convert a row."""
        return cls.model_validate(make_envelope(event))


class EventList(BaseModel):
    """Events, the oldest first."""

    model_config = example({"events": [_ENVELOPE], "total": 1, "next": None, "position": 42})

    events: list[EventBody] = Field(description="The events of this page.")
    total: int = Field(description="The number of such events that are kept.")
    next: Next
    position: int = Field(description="Where to continue later: send it as `after` to receive only newer events.")


def _make_model(kind: EventType) -> type[BaseModel]:
    """Make the model of one type of event."""
    described = KINDS[kind]
    literal: Any = Literal[kind.value]
    words = kind.value.replace("_", ".").split(".")
    model = create_model(
        "".join(word.capitalize() for word in words) + "Event",
        __base__=_Envelope,
        __module__=__name__,
        __doc__=described.description,
        type=(literal, Field(description="Its type.")),
        data=(described.model, Field(description="What it is about.")),
    )
    model.model_config = example({**_ENVELOPE, "type": kind.value, "data": described.example})
    model.model_rebuild(force=True)
    return model


EVENT_MODELS = {kind: _make_model(kind) for kind in EventType}
"""The body of a request to a webhook, by its type."""
