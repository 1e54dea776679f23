"""Overview: queues, workers, providers and the health of the dependencies."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from sqlalchemy import text

from app.db.engine import Database, repeats_on_conflict
from app.db.schema import head
from app.domain.errors import NotFoundError
from app.domain.identity import Identity, Scope
from app.domain.tasks import WORK_QUEUES
from app.ledger.queues import QueueStats, count_finished, list_own_queues, list_queues, pause, resume
from app.ledger.visible import list_visible_queues, list_visible_workers
from app.ledger.workers import Worker, list_workers
from app.services.providers.calls import ProviderCalls, ProviderState
from app.services.queue.admission import Admission

_RATE_SECONDS = 60.0
_CHECK_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Check:
    """Whether a dependency works, and if not, why."""

    name: str
    ok: bool
    detail: str


class Overview:
    """Queues, workers, providers and the health of the dependencies."""

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
        """Every queue, with its number of finished tasks a second over the last minute."""
        async with self._database.statement() as connection:
            queues = await list_queues(connection)
            finished = await count_finished(connection, _RATE_SECONDS)
        return [(queue, finished.get(queue.name, 0) / _RATE_SECONDS) for queue in queues]

    async def list_queues_for(self, identity: Identity) -> list[tuple[QueueStats, float]]:
        """What the caller may see of the queues: an operator everything, others the counts of their own tasks."""
        if identity.allows(Scope.OPERATOR):
            return await self.list_queues()
        async with self._database.statement() as connection:
            if identity.is_restricted:
                queues = await list_visible_queues(connection, identity.access)
            else:
                queues = await list_own_queues(connection, identity.organization_id)
            finished = await count_finished(connection, _RATE_SECONDS, identity.access)
        return [(queue, finished.get(queue.name, 0) / _RATE_SECONDS) for queue in queues]

    @repeats_on_conflict
    async def pause(self, queue: str) -> None:
        """Stop starting tasks of a queue until it is resumed; running tasks continue.

        Raises:
            NotFoundError: when there is no such queue.
        """
        _check_queue(queue)
        async with self._database.transaction() as connection:
            await pause(connection, queue)

    async def resume(self, queue: str) -> None:
        """Start tasks of a queue again.

        Raises:
            NotFoundError: when there is no such queue.
        """
        _check_queue(queue)
        async with self._database.statement() as connection:
            await resume(connection, queue)
        self._admission.nudge(queue)

    async def list_workers(self) -> list[Worker]:
        """The workers whose lease is valid."""
        async with self._database.statement() as connection:
            return await list_workers(connection)

    async def list_workers_for(self, identity: Identity) -> list[Worker]:
        """What the caller may see of the workers: an operator everything, others those that run their tasks.

        ``running`` counts the tasks that the caller may see. Name, host and process id are for operators only.
        """
        if identity.allows(Scope.OPERATOR):
            return await self.list_workers()
        async with self._database.statement() as connection:
            if identity.is_restricted:
                workers = await list_visible_workers(connection, identity.access)
            else:
                workers = await list_workers(connection, identity.organization_id)
        return [worker for worker in workers if worker.running]

    async def list_providers_for(self, identity: Identity) -> list[ProviderState]:
        """The providers that receive no calls now. Only an operator sees the reason, which may name the account."""
        providers = await self.list_providers()
        if identity.allows(Scope.OPERATOR):
            return providers
        return [replace(provider, reason="") for provider in providers]

    async def list_providers(self) -> list[ProviderState]:
        """The providers that receive no calls now, because they are down or have asked for a pause."""
        return await self._providers.list_states()

    async def check(self) -> list[Check]:
        """Check every dependency."""
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
            raise RuntimeError(f"the schema is at {revision} and must be at {head()}: run `./sluice migrate`")
        return f"schema {revision}"

    async def _check_broker(self) -> str:
        await self._ping_broker()
        return "reachable"


def _check_queue(queue: str) -> None:
    if queue not in WORK_QUEUES:
        raise NotFoundError(f"Queue {queue!r} does not exist. The queues are {', '.join(WORK_QUEUES)}.")


async def _attempt(name: str, check: Callable[[], Awaitable[str]]) -> Check:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            return Check(name, ok=True, detail=await check())
    except Exception as error:  # noqa: BLE001 - the error is the result of the check
        return Check(name, ok=False, detail=str(error) or type(error).__name__)
