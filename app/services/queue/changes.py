"""The changes of the tasks that clients follow: one read of the ledger for all clients of this process."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from typing import Any

from app.db.engine import Database
from app.domain.errors import NotFoundError, SluiceError
from app.domain.ids import TaskId
from app.domain.ports import TaskWatch
from app.domain.tasks import Task
from app.ledger.read import read_tasks, read_versions

_POLL_SECONDS = 1.0
_READ_AT_ONCE = 500
_POLLED_SECONDS = 3.0
_MOST_POLLED = 1000


def _start(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Start a task whose log lines belong to no request: it serves many, and outlives the one that starts it."""
    return asyncio.create_task(work, context=Context())


class Follower:
    """A client that follows a task. It receives the task's newest row, not each of them."""

    def __init__(self) -> None:
        self._newest: Task | SluiceError | None = None
        self._version: int | None = None
        self._changed = asyncio.Event()

    async def wait(self, seconds: float) -> Task | None:
        """The task at its next change; None after ``seconds``. The first call returns the present row at once.

        Raises:
            NotFoundError: when the task was deleted.
            DatabaseUnavailableError: when it could not be read.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        newest, self._newest = self._newest, None
        self._changed.clear()
        if isinstance(newest, SluiceError):
            raise newest
        return newest

    def receive(self, newest: Task | SluiceError) -> None:
        """Keep the row, or the reason why there is none, and wake the client, unless it has received that version."""
        version = newest.version if isinstance(newest, Task) else None
        if version is not None and version == self._version:
            return
        self._newest, self._version = newest, version
        self._changed.set()


class TaskChanges:
    """Passes the changes of tasks to the clients that follow them.

    The watch reports which tasks may have changed. Those of one turn of the event loop are read in one statement. Once
    a second, one more statement reads the versions of all followed tasks, for changes that the watch does not report.
    """

    def __init__(self, database: Database, watch: TaskWatch) -> None:
        self._database = database
        self._watch = watch
        self._followers: defaultdict[TaskId, set[Follower]] = defaultdict(set)
        self._versions: dict[TaskId, int] = {}
        self._changed: set[TaskId] = set()
        self._reader: asyncio.Task[None] | None = None
        self._poller: asyncio.Task[None] | None = None
        self._polled: dict[TaskId, float] = {}
        self._holders: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def follow(self, task_id: TaskId) -> AsyncIterator[Follower]:
        """Within the block, the follower receives the task's changes."""
        follower = Follower()
        self._followers[task_id].add(follower)
        self._poller = self._poller or _start(self._poll())
        try:
            async with self._watch.watch(task_id, lambda: self._note(task_id)):
                self._note(task_id)  # it may have changed before the watch began
                yield follower
        finally:
            self._leave(task_id, follower)

    def note_poll(self, task_id: TaskId) -> None:
        """Have the task count as watched for the next seconds: a client has read it, and may read it again."""
        is_held = task_id in self._polled
        if is_held or len(self._polled) < _MOST_POLLED:
            self._polled[task_id] = time.monotonic() + _POLLED_SECONDS
        if not is_held and task_id in self._polled:
            holder = _start(self._hold(task_id))
            self._holders.add(holder)
            holder.add_done_callback(self._holders.discard)

    async def _hold(self, task_id: TaskId) -> None:
        try:
            async with self._watch.watch(task_id, lambda: None):
                while True:
                    remaining = self._polled[task_id] - time.monotonic()
                    if remaining <= 0:
                        return
                    await asyncio.sleep(remaining)
        finally:
            del self._polled[task_id]

    def _leave(self, task_id: TaskId, follower: Follower) -> None:
        self._followers[task_id].discard(follower)
        if not self._followers[task_id]:
            del self._followers[task_id]
            self._versions.pop(task_id, None)
        if not self._followers and self._poller:
            self._poller.cancel()
            self._poller = None

    def _note(self, task_id: TaskId) -> None:
        """Read a task at the loop's next turn."""
        self._changed.add(task_id)
        if self._reader is None:
            self._reader = _start(self._read_changed())

    async def _read_changed(self) -> None:
        try:
            while self._changed:
                task_ids = [self._changed.pop() for _ in range(min(_READ_AT_ONCE, len(self._changed)))]
                await self._read(task_ids)
        finally:
            self._reader = None

    async def _read(self, task_ids: Iterable[TaskId]) -> None:
        followed = [task_id for task_id in task_ids if task_id in self._followers]
        if not followed:
            return
        found: dict[TaskId, Task | SluiceError] = {}
        try:
            found.update({task.id: task for task in await read_tasks(self._database, followed)})
        except SluiceError as error:
            found.update(dict.fromkeys(followed, error))
        for task_id in followed:
            newest = found.get(task_id) or NotFoundError(f"Task {task_id} does not exist.")
            if isinstance(newest, Task) and task_id in self._followers:
                self._versions[task_id] = newest.version
            for follower in self._followers.get(task_id, ()):
                follower.receive(newest)

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            try:
                versions = await read_versions(self._database, list(self._followers))
            except SluiceError:
                versions = {}  # reading them as changed reports the error
            for task_id in self._followers:
                if versions.get(task_id) != self._versions.get(task_id):
                    self._note(task_id)
