"""Server-sent events of a task: its progress, the sentences of its answer, and its end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

from fastapi.sse import KEEPALIVE_COMMENT, ServerSentEvent, format_sse_event
from pydantic import BaseModel
from starlette.responses import StreamingResponse

from app.api.bodies.ask import RestartEvent, SentenceEvent
from app.api.bodies.tasks import list_unseen
from app.bootstrap import Services
from app.domain.tasks import Task
from app.services.answers.streams import RESTART, SENTENCE

_PING_SECONDS = 15.0

_MODELS: dict[str, type[BaseModel]] = {SENTENCE: SentenceEvent, RESTART: RestartEvent}


async def follow(services: Services, task: Task, seen: int) -> AsyncIterator[ServerSentEvent]:
    """The events of a task after the version ``seen``, to its end."""
    async for change in services.queue.tasks.follow(task.organization_id, task.id, seen):
        parts = await services.answers.streams.read(change, seen)
        counts = await services.queue.tasks.count_children([change])
        shown = {part.version for part in parts}
        events: list[tuple[int, str, BaseModel]] = [
            (part.version, part.event, _MODELS[part.event].model_validate(part.data)) for part in parts
        ]
        bodies = list_unseen(change, seen, counts.get(change.id))
        events += [
            (body.version, "end" if body.is_final else "progress", body)
            for body in bodies
            if body.is_final or body.version not in shown
        ]
        for version, event, data in sorted(events, key=lambda entry: entry[0]):
            yield ServerSentEvent(data=data, event=event, id=str(version))
        seen = change.version


def stream(events: AsyncIterator[ServerSentEvent], headers: dict[str, str]) -> StreamingResponse:
    """A response of events, for a route that answers in other forms too."""
    sent = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no", **headers}
    return StreamingResponse(_encode(events), media_type="text/event-stream", headers=sent)


async def _encode(events: AsyncIterator[ServerSentEvent]) -> AsyncIterator[bytes]:
    """Events as bytes, with a comment where none comes for a while, so that proxies keep the connection."""
    async with aclosing(events):  # type: ignore[type-var]
        following = asyncio.ensure_future(anext(events, None))
        try:
            while True:
                done, _ = await asyncio.wait({following}, timeout=_PING_SECONDS)
                if not done:
                    yield KEEPALIVE_COMMENT
                    continue
                if (event := following.result()) is None:
                    return
                data = event.data.model_dump_json()
                yield format_sse_event(data_str=data, event=event.event, id=event.id)
                following = asyncio.ensure_future(anext(events, None))
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
