"""Routes for question sets and evaluations."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from app.api.access import ServicesOf, UnfilteredReader, Writer
from app.api.bodies.evaluated_questions import EvaluationReportBody
from app.api.bodies.evaluations import (
    EvaluationAccepted,
    EvaluationBody,
    EvaluationCreate,
    EvaluationList,
    QuestionSetBody,
    QuestionSetList,
    QuestionSetPage,
)
from app.api.bodies.tasks import TaskAccepted
from app.api.paging import AfterId, Limit
from app.api.problems import NEW_WORK, RESPONSES, document_problems
from app.api.questions import QUESTIONS_BODY, read_questions
from app.api.v1.agents import AgentId
from app.domain.errors import InvalidQuestionsError, MissingFileError

router = APIRouter(prefix="/agents", tags=["evaluation"], responses=RESPONSES)

_ID = {"ge": 1, "le": 2**63 - 1}
IdOfSet = Annotated[int, Path(**_ID, description="The question set's id.")]
IdOfEvaluation = Annotated[int, Path(**_ID, description="The evaluation's id.")]
SetName = Annotated[str | None, Query(description="The set's name, if the body has none.")]
Compared = Annotated[
    int | None, Query(**_ID, description="The id of an earlier evaluation of the same questions to compare with.")
]


@router.post(
    "/{agent_id}/question-sets",
    status_code=201,
    responses=document_problems(InvalidQuestionsError, MissingFileError),
    openapi_extra=QUESTIONS_BODY,
)
async def create_question_set(
    agent_id: AgentId,
    request: Request,
    identity: Writer,
    services: ServicesOf,
    response: Response,
    name: SetName = None,
) -> QuestionSetBody:
    """Store questions with what a search for each should find: expected documents, or quotes from them.

    The body is JSON, or lines of JSON, one question each (`application/x-ndjson`, or the file of a form). `errors` of a
    422 name the lines that are wrong; nothing is stored then.
    """
    named, questions = await read_questions(request, name)
    stored = await services.evaluations.question_sets.create(identity.organization_id, agent_id, named, questions)
    response.headers["Location"] = f"/api/v1/agents/{agent_id}/question-sets/{stored.id}"
    return QuestionSetBody.of(stored)


@router.get("/{agent_id}/question-sets")
async def list_question_sets(
    agent_id: AgentId, identity: UnfilteredReader, services: ServicesOf, limit: Limit = 100, after: AfterId = None
) -> QuestionSetList:
    """List an agent's question sets, newest first."""
    found = await services.evaluations.question_sets.list(identity.organization_id, agent_id, limit=limit, after=after)
    sets = [QuestionSetBody.of(one) for one in found.items]
    return QuestionSetList(question_sets=sets, total=found.total, next=found.next)


@router.get("/{agent_id}/question-sets/{set_id}")
async def get_question_set(
    agent_id: AgentId,
    set_id: IdOfSet,
    identity: UnfilteredReader,
    services: ServicesOf,
    limit: Limit = 100,
    after: AfterId = None,
) -> QuestionSetPage:
    """Show a question set with its questions."""
    page = await services.evaluations.question_sets.get(
        identity.organization_id, agent_id, set_id, limit=limit, after=after
    )
    return QuestionSetPage.of_page(page)


@router.delete(
    "/{agent_id}/question-sets/{set_id}", status_code=204, response_description="The question set is deleted."
)
async def delete_question_set(agent_id: AgentId, set_id: IdOfSet, identity: Writer, services: ServicesOf) -> None:
    """Delete a question set with its evaluations."""
    await services.evaluations.question_sets.delete(identity.organization_id, agent_id, set_id)


@router.post("/{agent_id}/evaluations", status_code=202, responses=document_problems(*NEW_WORK))
async def begin_evaluation(
    agent_id: AgentId, body: EvaluationCreate, identity: Writer, services: ServicesOf, response: Response
) -> EvaluationAccepted:
    """Search for every question of a set, and measure what is found. A task does the work."""
    agent = await services.tenants.agents.get(identity.access, agent_id)
    evaluation, task = await services.evaluations.evaluations.begin(
        identity.organization_id, agent.id, body.to_domain()
    )
    response.headers["Location"] = f"/api/v1/tasks/{task.id}"
    accepted = TaskAccepted.of(task, "Evaluation queued")
    return EvaluationAccepted(**accepted.model_dump(), evaluation_id=evaluation.id)


@router.get("/{agent_id}/evaluations")
async def list_evaluations(
    agent_id: AgentId, identity: UnfilteredReader, services: ServicesOf, limit: Limit = 100, after: AfterId = None
) -> EvaluationList:
    """List an agent's evaluations, newest first."""
    found, statuses = await services.evaluations.evaluations.list(
        identity.organization_id, agent_id, limit=limit, after=after
    )
    bodies = [EvaluationBody.of(one, statuses[one.id]) for one in found.items]
    return EvaluationList(evaluations=bodies, total=found.total, next=found.next)


@router.get("/{agent_id}/evaluations/{evaluation_id}")
async def get_evaluation(
    agent_id: AgentId,
    evaluation_id: IdOfEvaluation,
    identity: UnfilteredReader,
    services: ServicesOf,
    compare: Compared = None,
) -> EvaluationReportBody:
    """Show an evaluation: its figures, and the questions that did worst, with what was found.

    With `compare`, it is compared with another one, question by question.
    """
    report = await services.evaluations.evaluations.show(identity.organization_id, agent_id, evaluation_id, compare)
    return EvaluationReportBody.of_report(report)


@router.delete(
    "/{agent_id}/evaluations/{evaluation_id}", status_code=204, response_description="The evaluation is deleted."
)
async def delete_evaluation(
    agent_id: AgentId, evaluation_id: IdOfEvaluation, identity: Writer, services: ServicesOf
) -> None:
    """Delete an evaluation. Its task, if it still runs, ends."""
    await services.evaluations.evaluations.delete(identity.organization_id, agent_id, evaluation_id)
