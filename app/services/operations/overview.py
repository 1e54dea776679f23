"""Operations: what those who run Sluice look at."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy import text

from app.db.engine import Database
from app.db.schema import head
from app.domain.errors import NotFoundError
from app.domain.tasks import WORK_QUEUES
from app.ledger.queues import QueueStats, count_finished, list_queues, pause, resume
from app.ledger.workers import Worker, list_workers
from app.services.providers.calls import ProviderCalls, ProviderState
from app.services.queue.admission import Admission

_RATE_SECONDS = 60.0
_CHECK_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Check:
    """Whether a part works, and if not, why."""

    name: str
    ok: bool
    detail: str


class Overview:
    """Queues, workers and the state of the parts."""

    def __init__(
        self,
        database: Database,
        admission: Admission,
        ping_broker: Callable[[], Awaitable[None]],
        providers: ProviderCalls,
    ) -> None:
        self._database = database
        self._admission = admission
        self._ping_broker = ping_broker
        self._providers = providers

    async def list_queues(self) -> list[tuple[QueueStats, float]]:
        """Every queue with its tasks finished a second, over the last minute."""
        async with self._database.statement() as connection:
            queues = await list_queues(connection)
            finished = await count_finished(connection, _RATE_SECONDS)
        return [(queue, finished.get(queue.name, 0) / _RATE_SECONDS) for queue in queues]

    async def pause(self, queue: str) -> None:
        """Let no task of a queue start until it is resumed; what runs goes on.

        Raises:
            NotFoundError: when there is no such queue.
        """
        _check_queue(queue)
        async with self._database.transaction() as connection:
            await pause(connection, queue)

    async def resume(self, queue: str) -> None:
        """Let the tasks of a queue start again.

        Raises:
            NotFoundError: when there is no such queue.
        """
        _check_queue(queue)
        async with self._database.statement() as connection:
            await resume(connection, queue)
        self._admission.nudge(queue)

    async def list_workers(self) -> list[Worker]:
        """The workers that live."""
        async with self._database.statement() as connection:
            return await list_workers(connection)

    async def list_providers(self) -> list[ProviderState]:
        """The providers that are not asked for now, since they are down or want to be left alone."""
        return await self._providers.list_states()

    async def check(self) -> list[Check]:
        """Try every part."""
        return list(
            await asyncio.gather(
                _attempt("database", self._check_database),
                _attempt("broker", self._check_broker),
            )
        )

    async def _check_database(self) -> str:
        async with self._database.statement() as connection:
            revision = await connection.scalar(text("SELECT version_num FROM alembic_version"))
        if revision != head():
            raise RuntimeError(f"the schema is at {revision} and must be at {head()}: run `python main.py migrate`")
        return f"schema {revision}"

    async def _check_broker(self) -> str:
        await self._ping_broker()
        return "reachable"


def _check_queue(queue: str) -> None:
    if queue not in WORK_QUEUES:
        raise NotFoundError(f"There is no queue {queue!r}; the queues are {', '.join(WORK_QUEUES)}.")


async def _attempt(name: str, check: Callable[[], Awaitable[str]]) -> Check:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            return Check(name, ok=True, detail=await check())
    except Exception as error:  # noqa: BLE001 - whatever is wrong is what the caller wants to know
        return Check(name, ok=False, detail=str(error) or type(error).__name__)
