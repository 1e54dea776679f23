"""Reads the events of tasks."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Protocol

import httpx

from app.cli.remote.client import ApiError, UnreachableError, check, make_options
from app.cli.remote.place import Place

_ENDED = {"SUCCESS", "FAILURE", "REVOKED"}
_PARTS = {"sentence", "restart"}
_STREAMS = 32
_AWAY_SECONDS = 60.0
_PAUSE_SECONDS = 0.5


class Board(Protocol):
    """Shows the progress of tasks."""

    def show(self, task_id: str, current: int, status: str) -> None:
        """Show a task's current step."""


OnPart = Callable[[str, Mapping[str, Any]], None]
"""Receives the name and the data of an event ``sentence`` or ``restart`` of an answer."""


def ignore_part(_name: str, _data: Mapping[str, Any]) -> None:
    """The default ``on_part``."""


async def watch_all(
    place: Place, names: Mapping[str, str], board: Board, on_part: OnPart = ignore_part
) -> list[dict[str, Any]]:
    """Show the progress of tasks until each has ended; returns them in the order of ``names``."""
    streams = asyncio.Semaphore(_STREAMS)
    async with httpx.AsyncClient(base_url=f"{place.url}/api/v1", **make_options(place)) as http:

        async def watch(task_id: str) -> dict[str, Any]:
            async with streams:
                return await _Watch(http, place, task_id, board, on_part).run()

        return list(await asyncio.gather(*(watch(task_id) for task_id in names)))


class _Watch:
    """Reads the events of one task, and connects again where the stream ends before the task does."""

    def __init__(self, http: httpx.AsyncClient, place: Place, task_id: str, board: Board, on_part: OnPart) -> None:
        self._http = http
        self._place = place
        self._task_id = task_id
        self._board = board
        self._on_part = on_part
        self._seen = ""

    async def run(self) -> dict[str, Any]:
        """Follow the task to its end."""
        reached = time.monotonic()
        while True:
            try:
                task = await self._read_events()
                if task is None:
                    task = await self._get()
                reached = time.monotonic()
            except httpx.TransportError as error:
                if time.monotonic() - reached > _AWAY_SECONDS:
                    raise UnreachableError(self._place, error) from error
            except ApiError as error:  # for example while the API starts again
                if time.monotonic() - reached > _AWAY_SECONDS or not error.problem.get("retryable"):
                    raise
            else:
                if task["state"] in _ENDED:
                    return task
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _read_events(self) -> dict[str, Any] | None:
        """Read the events of one connection; returns the last one."""
        headers = {"Last-Event-ID": self._seen} if self._seen else {}
        task: dict[str, Any] | None = None
        async with self._http.stream("GET", f"/tasks/{self._task_id}/events", headers=headers) as events:
            if events.status_code != HTTPStatus.OK:
                await events.aread()
                check(events, self._place)
                return None  # 204: the task had ended before
            event = ""
            async for line in events.aiter_lines():
                name, _, value = line.partition(":")
                if name == "event":
                    event = value.strip()
                elif name == "id":
                    self._seen = value.strip()
                elif name == "data" and event in _PARTS:
                    self._on_part(event, json.loads(value))
                elif name == "data":
                    task = json.loads(value)
                    self._show(task)
        return task

    async def _get(self) -> dict[str, Any]:
        task: dict[str, Any] = check(await self._http.get(f"/tasks/{self._task_id}"), self._place).json()
        self._show(task)
        return task

    def _show(self, task: dict[str, Any]) -> None:
        self._board.show(self._task_id, task["current"], task["status"])
