"""Routes for the feed of the organization's events."""

from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from app.api import events
from app.api.access import OrganizationReader, ServicesOf
from app.api.bodies.events import EventBody, EventList
from app.api.paging import Limit
from app.api.problems import RESPONSES
from app.api.v1.tasks import LastEventId
from app.bootstrap import Services
from app.domain.errors import DatabaseUnavailableError
from app.domain.events import EventFilter, EventType, RecordedEvent

_MOST = 2**63 - 1
_STREAMED = {
    "type": "object",
    "properties": {
        "event": {"type": "string", "enum": [kind.value for kind in EventType]},
        "id": {"type": "string", "description": "The event's `position`, for `Last-Event-ID`."},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/EventBody"},
        },
    },
}

router = APIRouter(prefix="/events", tags=["events"], responses=RESPONSES)


@router.get(
    "",
    response_model=EventList,
    responses={
        200: {
            "description": "Events, the oldest first; or a stream of them.",
            "content": {events.MEDIA_TYPE: {"itemSchema": _STREAMED}},
        }
    },
)
async def list_events(
    identity: OrganizationReader,
    services: ServicesOf,
    seen: LastEventId,
    types: Annotated[
        list[EventType] | None, Query(description="Only events of this type. May be given several times.")
    ] = None,
    agent_id: Annotated[int | None, Query(ge=1, le=_MOST, description="Only events of this agent.")] = None,
    document_id: Annotated[int | None, Query(ge=1, le=_MOST, description="Only events of this document.")] = None,
    limit: Limit = 100,
    after: Annotated[
        int | None, Query(ge=0, le=_MOST, description="Only events after this position; 0 for all that are kept.")
    ] = None,
    accept: Annotated[str, Header(description="`text/event-stream` for the events as a stream.")] = "*/*",
) -> Response | EventList:
    """List the organization's events, the oldest first, or follow them as a stream.

    Events are written only for an organization that reads or receives them: from the first request to this route on,
    for seven days after the last one, and while it has a webhook. No event is skipped or shown twice to a client that
    sends the `position` of the last page as `after`.

    With `Accept: text/event-stream`, the response is a stream of server-sent events, which does not end by itself.
    `event` is the type, `id` the position, `data` the event as JSON. It begins after `Last-Event-ID` or `after`, or
    with the next event; `limit` has no effect on it. The stream ends when the API key becomes invalid or the server
    stops. A client that connects again with `Last-Event-ID` continues where it was, as `EventSource` does.
    """
    wanted = EventFilter(frozenset(types or ()), agent_id, document_id)
    if events.MEDIA_TYPE in accept.lower():
        await services.notifications.feed.keep_on(identity.organization_id)
        start = seen if seen >= 0 else after
        return events.stream(follow(services, identity.organization_id, wanted, start), {})
    page = await services.notifications.feed.list(identity.organization_id, wanted, after=after or 0, limit=limit)
    return EventList(
        events=[EventBody.of(event) for event in page.events],
        total=page.total,
        next=str(page.position) if page.has_more else None,
        position=page.position,
    )


async def follow(
    services: Services, organization_id: int, wanted: EventFilter, after: int | None
) -> AsyncIterator[bytes]:
    """The events of a feed as bytes of a stream: those that have come together are one piece.

    The position is sent without an event at the beginning, and where it moves on because of events that the filter
    leaves out: a client that connects again continues there.
    """
    sent: int | None = None
    feed = services.notifications.feed
    async with aclosing(feed.follow(organization_id, wanted, after)) as batches:  # type: ignore[type-var]
        async for batch in batches:
            with suppress(DatabaseUnavailableError):  # it is tried again with the next batch
                await feed.keep_on(organization_id)
            if batch.events:
                yield b"".join(map(_format, batch.events))
                sent = batch.events[-1].position
            elif sent != batch.position:
                sent = batch.position
                yield f"id: {sent}\n\n".encode()
            else:
                yield KEEPALIVE_COMMENT


def _format(event: RecordedEvent) -> bytes:
    body = EventBody.of(event).model_dump_json()
    return format_sse_event(data_str=body, event=event.type, id=str(event.position))
