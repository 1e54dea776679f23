"""Server-sent events of a task: its progress, the sentences of its answer, and its end."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import aclosing
from typing import Any

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from pydantic import BaseModel
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from app.api.access import authenticate
from app.api.bodies.ask import RestartEvent, SentenceEvent
from app.api.bodies.tasks import list_unseen
from app.api.server.connections import STATE_KEY as CONNECTIONS
from app.api.server.connections import Connections
from app.bootstrap import Services
from app.domain.errors import UnauthorizedError
from app.domain.identity import Access
from app.domain.tasks import Task
from app.services.answers.streams import RESTART, SENTENCE

MEDIA_TYPE = "text/event-stream"

_MODELS: dict[str, type[BaseModel]] = {SENTENCE: SentenceEvent, RESTART: RestartEvent}


async def follow(services: Services, access: Access, task: Task, seen: int) -> AsyncIterator[bytes]:
    """The events of a task that the caller sees, after the version ``seen``, to its end.

    A comment where none comes for a while, so that proxies keep the connection.
    """
    changes = services.queue.tasks.follow(access, task, seen)
    async with aclosing(changes):  # type: ignore[type-var]
        async for change in changes:
            if change is None:
                yield KEEPALIVE_COMMENT
                continue
            parts = await services.answers.streams.read(change, seen)
            counts = await services.queue.tasks.count_children(access, [change])
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
                yield format_sse_event(data_str=data.model_dump_json(), event=event, id=str(version))
            seen = change.version


def stream(events: AsyncIterator[bytes], headers: dict[str, str]) -> StreamingResponse:
    """A response of events. FastAPI's own takes two more tasks and two queues for each stream."""
    sent = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no", **headers}
    return _EventStream(events, media_type=MEDIA_TYPE, headers=sent)


class _EventStream(StreamingResponse):
    """A stream that ends completely, not in the middle of its last chunk, when the server stops.

    It also ends when the caller's API key becomes invalid.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.body_iterator = _end_with_key(self.body_iterator, scope)
        connections: Connections | None = scope.get("state", {}).get(CONNECTIONS)
        if connections is not None:
            self.body_iterator = _end_at_drain(self.body_iterator, connections)
        await super().__call__(scope, receive, send)


async def _end_with_key(events: AsyncIterable[Any], scope: Scope) -> AsyncIterator[Any]:
    """The events until the key of the request is revoked or expires. Requests share the statements that check it."""
    is_first = True
    async with aclosing(events):  # type: ignore[type-var]
        async for event in events:
            if not is_first:
                try:
                    await authenticate(scope)
                except UnauthorizedError:
                    return
            is_first = False
            yield event


async def _end_at_drain(events: AsyncIterable[Any], connections: Connections) -> AsyncIterator[Any]:
    task = asyncio.current_task()
    try:
        with connections.stream(task) as may_begin:
            if may_begin:
                async for event in events:
                    yield event
    except asyncio.CancelledError:
        if not connections.is_draining:
            raise
        if task is not None:
            task.uncancel()
