"""Routes for tasks."""

import re
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Header, HTTPException, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from app.api import events
from app.api.access import Reader, ServicesOf, Writer, authenticate
from app.api.bodies.tasks import PublicState, TaskAccepted, TaskBody, TaskCancelled, TaskList, TaskRevoked
from app.api.paging import AfterTask, Limit
from app.api.problems import LIMITS, RESPONSES, document_problems
from app.domain.errors import ConflictError, NotFoundError, TaskFinishedError
from app.domain.ids import TaskId
from app.domain.states import FINAL
from app.domain.tasks import Queue, Task, TaskName

_EVENT_ID = re.compile(r"[0-9]{1,18}")

router = APIRouter(prefix="/tasks", tags=["tasks"], responses=RESPONSES)


async def read_task_id(task_id: Annotated[str, Path(description="A task id.")]) -> TaskId:
    """Parse a task id. One that is not a UUID is answered with 404."""
    try:
        return TaskId(UUID(task_id))
    except ValueError:
        raise NotFoundError(f"Task {task_id} does not exist.") from None


IdOfTask = Annotated[TaskId, Depends(read_task_id)]


@router.get("", include_in_schema=False)
@router.get("/")
async def list_tasks(
    identity: Reader,
    services: ServicesOf,
    status: Annotated[PublicState | None, Query(description="Only tasks in this state.")] = None,
    agent_id: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Only tasks of this agent.")] = None,
    queue: Annotated[Queue | None, Query(description="Only tasks of this queue.")] = None,
    name: Annotated[TaskName | None, Query(description="Only tasks with this `task_name`.")] = None,
    parent_id: Annotated[UUID | None, Query(description="Only children of this task.")] = None,
    limit: Limit = 100,
    after: AfterTask = None,
) -> TaskList:
    """List tasks, newest first."""
    listing = await services.queue.tasks.list(
        identity.access,
        status=status,
        agent_id=agent_id,
        queue=queue,
        name=name,
        parent_id=parent_id,
        limit=limit,
        after=after,
    )
    counts = await services.queue.tasks.count_children(identity.access, listing.items)
    tasks = [TaskBody.of(task, counts=counts.get(task.id)) for task in listing.items]
    return TaskList(tasks=tasks, total=listing.total, next=listing.next)


@router.get("/{task_id}")
async def get_task(
    task_id: IdOfTask,
    identity: Reader,
    services: ServicesOf,
    request: Request,
    wait: Annotated[float, Query(ge=0, le=60, description="Maximum number of seconds to wait.")] = 0,
    until: Annotated[
        Literal["change", "end"],
        Query(description="What to wait for: the task's next change of any kind, or its end."),
    ] = "change",
) -> TaskBody:
    """Show a task.

    With `wait`, the response is sent at the task's next change or, with `until=end`, at its end; at the latest after
    `wait` seconds. A finished task is shown at once. If the API key is revoked in the meantime, the response is 401.
    """
    if wait:
        until_end = until == "end"
        task = await services.queue.tasks.wait(identity.access, task_id, wait, until_end=until_end)
        await authenticate(request.scope)
    else:
        task = await services.queue.tasks.poll(identity.access, task_id)
    counts = await services.queue.tasks.count_children(identity.access, [task])
    return TaskBody.of(task, await services.queue.tasks.get_position(identity.access, task), counts.get(task.id))


async def _read_last_event_id(
    last_event_id: Annotated[
        str | None, Header(description="The id of the last event that the client has received. Other text is ignored.")
    ] = None,
) -> int:
    """The version after which a stream resumes; -1 for a stream from the beginning."""
    return int(last_event_id) if last_event_id and _EVENT_ID.fullmatch(last_event_id) else -1


LastEventId = Annotated[int, Depends(_read_last_event_id)]


async def _find_task_to_follow(task_id: IdOfTask, identity: Reader, services: ServicesOf, seen: LastEventId) -> Task:
    """Load the task before the stream begins, while another status can still be sent.

    Raises:
        HTTPException: 204, when the client has received the end. It makes an `EventSource` stop.
    """
    task = await services.queue.tasks.get(identity.access, task_id)
    if task.state in FINAL and seen >= task.version:
        raise HTTPException(204)
    return task


@router.get(
    "/{task_id}/events",
    response_class=StreamingResponse,
    responses={
        200: {"content": {events.MEDIA_TYPE: {"itemSchema": {}}}},
        204: {"description": "The client has received the end: `Last-Event-ID` is that of the event `end`."},
    },
)
async def follow_task(
    task: Annotated[Task, Depends(_find_task_to_follow)], identity: Reader, services: ServicesOf, seen: LastEventId
) -> StreamingResponse:
    """Follow a task as server-sent events: `progress` at every stage and change, then `end`.

    Of an answer, `sentence` and `restart` as well. The data of `progress` and `end` is the task as JSON. An answer
    arrives in events `sentence`, each as soon as its citations are verified; concatenated, their texts are the answer.
    `restart` asks the client to discard the sentences that it has received: the attempt that wrote them was
    interrupted, such as by a killed worker, and the answer is written anew. The id of an event is the task's `version`;
    `Last-Event-ID` resumes after that event, without loss or repetition.
    """
    return events.stream(events.follow(services, identity.access, task, seen), {})


@router.delete(
    "/{task_id}",
    responses={
        **document_problems(TaskFinishedError),
        202: {"model": TaskCancelled, "description": "The task is running and about to stop."},
    },
)
async def cancel_task(task_id: IdOfTask, identity: Writer, services: ServicesOf, response: Response) -> TaskCancelled:
    """Cancel a task. For a running task the response is 202 with `cancelling`: it stops shortly."""
    task = await services.queue.tasks.cancel(identity.access, task_id)
    response.status_code = 200 if task.state in FINAL else 202
    return TaskCancelled.of(task)


@router.post("/{task_id}/revoke", responses=document_problems(TaskFinishedError))
async def revoke_task(task_id: IdOfTask, identity: Writer, services: ServicesOf) -> TaskRevoked:
    """Cancel a task, with a response in Celery's terms."""
    task = await services.queue.tasks.cancel(identity.access, task_id)
    return TaskRevoked(task_id=str(task.id))


@router.post("/{task_id}/retry", status_code=202, responses=document_problems(ConflictError, *LIMITS))
async def retry_task(task_id: IdOfTask, identity: Writer, services: ServicesOf) -> TaskAccepted:
    """Queue a finished task again, also one that succeeded."""
    await services.intake.backpressure.check_again(await services.queue.tasks.get(identity.access, task_id))
    return TaskAccepted.of(await services.queue.tasks.retry(identity.access, task_id), "Task queued again")
