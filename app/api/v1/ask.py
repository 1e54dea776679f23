"""Routes for questions."""

from typing import Annotated

from fastapi import APIRouter, Header, Response

from app.api import events
from app.api.access import Asker, ServicesOf
from app.api.bodies.ask import AskRequest
from app.api.bodies.tasks import TaskAccepted
from app.api.problems import NEW_WORK, RESPONSES, document_problems
from app.api.v1.agents import AgentId
from app.domain.errors import InvalidUrlError, UrlNotAllowedError
from app.services.answers.answers import Asked

router = APIRouter(tags=["search"], responses=RESPONSES)


@router.post(
    "/agents/{agent_id}/ask",
    status_code=202,
    response_model=TaskAccepted,
    responses={
        **document_problems(*NEW_WORK, InvalidUrlError, UrlNotAllowedError),
        200: {"content": {events.MEDIA_TYPE: {"itemSchema": {}}}},
    },
)
async def ask_agent(
    agent_id: AgentId,
    body: AskRequest,
    identity: Asker,
    services: ServicesOf,
    response: Response,
    accept: Annotated[str, Header(description="`text/event-stream` for the answer as a stream of events.")] = "*/*",
    idempotency_key: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Response | TaskAccepted:
    """Ask a question. The task's result is the answer with its sources.

    With `Accept: text/event-stream`, the response is the stream of the task's events, as `GET /tasks/{task_id}/events`
    sends it. A client whose connection breaks continues there: the header `Location` names the task, which goes on. A
    request with an `Idempotency-Key` is always answered with the task.

    This needs the scope `write`. A key with a document filter asks with the scope `read`: the answer cites only
    documents that match its filter.
    """
    agent = await services.tenants.agents.get(identity.access, agent_id)
    callback_url = services.webhooks.webhooks.check_callback(body.callback_url)
    asked = Asked(
        body.question, body.top_k, body.where, [turn.model_dump() for turn in body.history], callback_url=callback_url
    )
    task = await services.answers.answers.ask(identity.access, agent.id, asked)
    headers = {"Location": f"/api/v1/tasks/{task.id}"}
    if events.MEDIA_TYPE in accept.lower() and idempotency_key is None:
        return events.stream(events.follow(services, identity.access, task, -1), headers)
    response.headers.update(headers)
    return TaskAccepted.of(task, "Question queued")
