"""The doorbell over Celery: publishes messages and writes the result backend, off the event loop."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog
from celery import Celery
from celery.exceptions import CeleryError, TaskRevokedError
from celery.states import EXCEPTION_STATES, REVOKED
from kombu.exceptions import KombuError, OperationalError
from redis.exceptions import RedisError

from app.domain.ids import TaskId
from app.domain.tasks import Bell

_BROKER_ERRORS = (KombuError, OperationalError, CeleryError, RedisError, OSError)

log = structlog.get_logger()


def _as_celery_result(state: str, info: Any) -> Any:
    """Celery expects an exception with the states that stand for one."""
    if state == REVOKED:
        return TaskRevokedError(info["message"])
    return RuntimeError(f"{info['code']}: {info['message']}") if state in EXCEPTION_STATES else info


class CeleryDoorbell:
    """Publishes through a Celery application.

    Celery's client blocks, so each kind of call has one thread of its own: a broker that
    hangs delays other bells, never the event loop.
    """

    def __init__(self, celery: Celery) -> None:
        self._celery = celery
        self._publisher = ThreadPoolExecutor(1, thread_name_prefix="doorbell")
        self._teller = ThreadPoolExecutor(1, thread_name_prefix="results")

    async def ring(self, bells: Sequence[Bell]) -> None:
        """Publish one message a bell."""
        if bells:
            await asyncio.get_running_loop().run_in_executor(self._publisher, self._publish, bells)

    async def tell(self, task_id: TaskId, state: str, info: Any) -> None:
        """Store a state in Celery's result backend, so that ``AsyncResult`` and Flower agree with the ledger."""
        await asyncio.get_running_loop().run_in_executor(self._teller, self._store, str(task_id), state, info)

    async def ping(self) -> None:
        """Raise unless the broker answers."""
        await asyncio.get_running_loop().run_in_executor(self._publisher, self._connect)

    def close(self) -> None:
        """Wait for what is under way and end both threads."""
        self._publisher.shutdown()
        self._teller.shutdown()

    def _connect(self) -> None:
        with self._celery.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=2)

    def _publish(self, bells: Sequence[Bell]) -> None:
        try:
            with self._celery.producer_pool.acquire(block=True, timeout=1) as producer:
                for bell in bells:
                    self._celery.send_task(
                        bell.name,
                        bell.arguments,
                        task_id=str(bell.task_id),
                        queue=bell.queue,
                        ignore_result=True,
                        retry=False,
                        producer=producer,
                    )
        except _BROKER_ERRORS as error:
            log.warning("bell_not_rung", bells=len(bells), queue=bells[0].queue, error=str(error))

    def _store(self, task_id: str, state: str, info: Any) -> None:
        try:
            self._celery.backend.store_result(task_id, _as_celery_result(state, info), state)
        except _BROKER_ERRORS as error:
            log.warning("result_not_stored", task_id=task_id, error=str(error))
