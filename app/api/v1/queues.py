"""Routes for queues and workers."""

from typing import Annotated

from fastapi import APIRouter, Path

from app.api.access import Operator, Reader, ServicesOf
from app.api.bodies.operations import ProviderBody, QueueBody, QueueList, QueueUpdated, WorkerBody, WorkerList
from app.api.problems import RESPONSES, document_problems
from app.domain.errors import OperatorRequiredError
from app.domain.identity import Scope

router = APIRouter(tags=["operations"], responses=RESPONSES)

QueueName = Annotated[str, Path(description="The queue's name, such as `low_priority`.")]


@router.get("/queues")
async def list_queues(identity: Reader, services: ServicesOf) -> QueueList:
    """Show each queue's depth, the age of its oldest task, and its workers.

    An operator sees the whole installation. Other keys see whether a queue is paused, and the counts of their own
    organization's tasks (up to 10,000 waiting ones); `workers` and `slots` are null.
    """
    queues = [
        QueueBody(
            name=queue.name,
            paused=queue.paused_at is not None,
            depth=queue.depth,
            delayed=queue.delayed,
            running=queue.running,
            oldest_age_seconds=queue.oldest_age,
            rate_per_second=round(rate, 3),
            workers=queue.workers,
            slots=queue.slots,
        )
        for queue, rate in await services.operations.overview.list_queues_for(identity)
    ]
    states = await services.operations.overview.list_providers_for(identity)
    providers = [ProviderBody.model_validate(state, from_attributes=True) for state in states]
    return QueueList(queues=queues, providers=providers, total=len(queues))


@router.post("/queues/{name}/pause", responses=document_problems(OperatorRequiredError))
async def pause_queue(name: QueueName, _identity: Operator, services: ServicesOf) -> QueueUpdated:
    """Pause a queue of the installation: none of its tasks starts until it is resumed. Running tasks continue.

    The queues are shared by all organizations, so this needs the scope `operator`.
    """
    await services.operations.overview.pause(name)
    return QueueUpdated(name=name, paused=True, message="Queue has been paused")


@router.post("/queues/{name}/resume", responses=document_problems(OperatorRequiredError))
async def resume_queue(name: QueueName, _identity: Operator, services: ServicesOf) -> QueueUpdated:
    """Resume a queue. This needs the scope `operator`."""
    await services.operations.overview.resume(name)
    return QueueUpdated(name=name, paused=False, message="Queue has been resumed")


@router.get("/workers")
async def list_workers(identity: Reader, services: ServicesOf) -> WorkerList:
    """List the workers with a valid lease.

    An operator sees all of them. Other keys see the workers that run tasks of their own organization, with the number
    of those tasks; `name`, `host` and `pid` are null.
    """
    workers = [
        WorkerBody.of(worker, for_operator=identity.allows(Scope.OPERATOR))
        for worker in await services.operations.overview.list_workers_for(identity)
    ]
    return WorkerList(workers=workers, total=len(workers))
