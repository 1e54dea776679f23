"""Routes for dead letters: tasks that failed for good and wait for a decision."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from app.api.access import Reader, ServicesOf, Writer
from app.api.bodies.dead_letters import (
    DeadLetterBody,
    DeadLetterDiscarded,
    DeadLetterList,
    FilterBody,
    ReplayRequest,
    ReplayResult,
)
from app.api.bodies.tasks import TaskAccepted
from app.api.paging import AfterTask, Limit
from app.api.problems import LIMITS, RESPONSES, document_problems
from app.api.v1.tasks import IdOfTask
from app.domain.errors import DocumentBusyError
from app.domain.identity import Scope
from app.domain.tasks import Queue, TaskName

router = APIRouter(prefix="/dead-letters", tags=["dead letters"], responses=RESPONSES)


async def _read_filter(
    queue: Annotated[Queue | None, Query(description="Only dead letters of this queue.")] = None,
    agent_id: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Only dead letters of this agent.")] = None,
    code: Annotated[str | None, Query(description="The error's code.")] = None,
    name: Annotated[TaskName | None, Query(description="The task's name.")] = None,
) -> FilterBody:
    return FilterBody(queue=queue, agent_id=agent_id, code=code, name=name)


@router.get("")
async def list_dead_letters(
    wanted: Annotated[FilterBody, Depends(_read_filter)],
    identity: Reader,
    services: ServicesOf,
    limit: Limit = 100,
    after: AfterTask = None,
) -> DeadLetterList:
    """List dead letters, newest task first."""
    listing = await services.queue.dead_letters.list(identity.access, wanted.to_domain(), limit=limit, after=after)
    for_operator = identity.allows(Scope.OPERATOR)
    letters = [DeadLetterBody.of(task, for_operator=for_operator) for task in listing.items]
    return DeadLetterList(dead_letters=letters, total=listing.total, next=listing.next)


@router.post("/replay", status_code=202, responses=document_problems(*LIMITS))
async def replay_dead_letters(body: ReplayRequest, identity: Writer, services: ServicesOf) -> ReplayResult:
    """Queue every matching dead letter again. With `dry_run`, only count them."""
    wanted = body.filter.to_domain()
    if body.dry_run:
        matched = await services.queue.dead_letters.count(identity.access, wanted)
        return ReplayResult(dry_run=True, matched=matched, replayed=0)
    await services.intake.backpressure.check_budget(identity.organization_id, wanted.name)
    replayed = await services.queue.dead_letters.replay_all(identity.access, wanted)
    return ReplayResult(dry_run=False, matched=replayed, replayed=replayed)


@router.get("/{task_id}")
async def get_dead_letter(task_id: IdOfTask, identity: Reader, services: ServicesOf) -> DeadLetterBody:
    """Show a dead letter with the history of its attempts."""
    task = await services.queue.dead_letters.get(identity.access, task_id)
    return DeadLetterBody.of(task, for_operator=identity.allows(Scope.OPERATOR))


@router.post("/{task_id}/replay", status_code=202, responses=document_problems(DocumentBusyError, *LIMITS))
async def replay_dead_letter(task_id: IdOfTask, identity: Writer, services: ServicesOf) -> TaskAccepted:
    """Queue a dead letter again. Its counts of retries and crashes start at zero."""
    await services.intake.backpressure.check_again(await services.queue.dead_letters.get(identity.access, task_id))
    task = await services.queue.dead_letters.replay(identity.access, task_id)
    return TaskAccepted.of(task, "Dead letter queued again")


@router.delete("/{task_id}")
async def discard_dead_letter(task_id: IdOfTask, identity: Writer, services: ServicesOf) -> DeadLetterDiscarded:
    """Discard a dead letter. Its task stays failed and can still be retried."""
    task = await services.queue.dead_letters.discard(identity.access, task_id)
    return DeadLetterDiscarded(task_id=str(task.id))
