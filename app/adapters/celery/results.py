"""Celery's result backend, which is a Redis or disabled. Its states are stored on the event loop."""

from collections.abc import Callable, Sequence
from typing import Any

from celery import Celery
from celery.exceptions import TaskRevokedError
from celery.states import EXCEPTION_STATES, READY_STATES, REVOKED

from app.adapters.redis.states import RedisStates
from app.adapters.redis.url import is_redis
from app.domain.ids import TaskId


class CeleryResults:
    """States in Celery's format with one field more: ``version``, which comes first.

    The channel of a state is where Celery's clients and the HTTP API wait for changes, so its subscribers are the
    clients that watch the task.
    """

    def __init__(self, celery: Celery) -> None:
        backend: Any = celery.backend  # its stubs lack the methods of Redis's
        url = celery.conf.result_backend
        self._backend = backend
        self._states = RedisStates(url, backend.expires or 0) if is_redis(url) else None

    def store(self, task_id: TaskId, version: int, state: str, info: Any) -> None:
        """Store a state soon, unless one with a higher version is stored."""
        if self._states is None:
            return
        backend = self._backend
        value = {
            "version": version,
            "status": state,
            "result": backend.encode_result(_as_celery_result(state, info), state),
            "traceback": None,
            "children": None,
            "date_done": backend.app.now().isoformat() if state in READY_STATES else None,
            "task_id": str(task_id),
        }
        self._states.store(self._get_key(task_id), version, backend.encode(value).encode())

    async def forget(self, task_ids: Sequence[TaskId]) -> None:
        """Delete the states of these tasks."""
        if self._states is not None:
            await self._states.delete([self._get_key(task_id) for task_id in task_ids])

    def ask_for_watchers(self, task_id: TaskId, notify: Callable[[], None]) -> None:
        """Call ``notify`` soon if a client waits for changes of the task."""
        if self._states is not None:
            self._states.ask_for_subscribers(self._get_key(task_id), notify)

    async def flush(self) -> None:
        """Wait until the states so far are stored, for two seconds at most."""
        if self._states is not None:
            await self._states.flush()

    async def close(self) -> None:
        """Store the states that wait if Redis is available, and close the connection."""
        if self._states is not None:
            await self._states.close()

    def _get_key(self, task_id: TaskId) -> bytes:
        key: bytes = self._backend.get_key_for_task(str(task_id))
        return key


def _as_celery_result(state: str, info: Any) -> Any:
    """Celery expects an exception for the states that stand for a failure."""
    if state == REVOKED:
        return TaskRevokedError(info["message"])
    return RuntimeError(f"{info['code']}: {info['message']}") if state in EXCEPTION_STATES else info
