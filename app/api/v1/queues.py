"""Routes for queues and workers."""

from fastapi import APIRouter

from app.api.access import Admin, Reader, ServicesOf
from app.api.bodies.operations import ProviderBody, QueueBody, QueueList, QueueUpdated, WorkerBody, WorkerList
from app.api.problems import RESPONSES

router = APIRouter(tags=["operations"], responses=RESPONSES)


@router.get("/queues")
async def list_queues(_identity: Reader, services: ServicesOf) -> QueueList:
    """Show each queue's depth, the age of its oldest task, and its workers."""
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
        for queue, rate in await services.operations.overview.list_queues()
    ]
    states = await services.operations.overview.list_providers()
    providers = [ProviderBody.model_validate(state, from_attributes=True) for state in states]
    return QueueList(queues=queues, providers=providers, total=len(queues))


@router.post("/queues/{name}/pause")
async def pause_queue(name: str, _identity: Admin, services: ServicesOf) -> QueueUpdated:
    """Pause a queue of the installation: none of its tasks starts until it is resumed. Running tasks continue."""
    await services.operations.overview.pause(name)
    return QueueUpdated(name=name, paused=True, message="Queue has been paused")


@router.post("/queues/{name}/resume")
async def resume_queue(name: str, _identity: Admin, services: ServicesOf) -> QueueUpdated:
    """Resume a queue."""
    await services.operations.overview.resume(name)
    return QueueUpdated(name=name, paused=False, message="Queue has been resumed")


@router.get("/workers")
async def list_workers(_identity: Reader, services: ServicesOf) -> WorkerList:
    """List the workers with a valid lease."""
    workers = [
        WorkerBody.model_validate({**{n: getattr(worker, n) for n in WorkerBody.model_fields}, "id": str(worker.id)})
        for worker in await services.operations.overview.list_workers()
    ]
    return WorkerList(workers=workers, total=len(workers))
