"""Routes for upkeep, and for the days that an organization keeps what is over."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from app.api.access import Operator, OrganizationAdmin, ServicesOf
from app.api.bodies.upkeep import (
    AlertsBody,
    AlertsUpdate,
    RetentionBody,
    RetentionDays,
    RunBody,
    UpkeepKindBody,
    UpkeepList,
    UpkeepStarted,
)
from app.api.paging import AfterId, Limit
from app.api.problems import document_problems
from app.bootstrap import Services
from app.domain.errors import NotFoundError, OperatorRequiredError, RestrictedKeyError
from app.domain.identity import Identity, Scope

router = APIRouter(tags=["operations"], responses=document_problems(RestrictedKeyError))

_OrganizationId = Annotated[int, Path(ge=1, le=2**63 - 1, description="The organization's id.")]
_Name = Annotated[str | None, Query(max_length=100, description="Only runs of this kind, such as `retention`.")]


@router.get("/upkeep", responses=document_problems(OperatorRequiredError, RestrictedKeyError))
async def list_upkeep(
    identity: OrganizationAdmin,
    services: ServicesOf,
    name: _Name = None,
    organization_id: Annotated[
        int | None, Query(ge=1, le=2**63 - 1, description="For operators: only runs on this organization's data.")
    ] = None,
    limit: Limit = 100,
    after: AfterId = None,
) -> UpkeepList:
    """Show what was deleted and checked when, how long it took, and what is due next.

    An operator sees the whole installation, other keys what concerns the data of their organization.
    """
    if not identity.allows(Scope.OPERATOR):
        if organization_id not in {None, identity.organization_id}:
            raise OperatorRequiredError
        organization_id = identity.organization_id
    upkeep = services.operations.upkeep_runs
    runs = await upkeep.list(organization_id, name, limit=limit, after=after)
    kinds = await upkeep.list_kinds(organization_id)
    return UpkeepList(
        upkeep=[UpkeepKindBody.of(kind) for kind in kinds],
        runs=[RunBody.of(run) for run in runs.items],
        total=runs.total,
        next=runs.next,
    )


@router.post("/upkeep/{name}/run", status_code=202, responses=document_problems(OperatorRequiredError))
async def run_upkeep(
    name: Annotated[str, Path(description="What to do: a name that `GET /upkeep` lists.")],
    _identity: Operator,
    services: ServicesOf,
    organization_id: Annotated[
        int | None, Query(ge=1, le=2**63 - 1, description="With `retention`: only that of this organization.")
    ] = None,
) -> UpkeepStarted:
    """Start upkeep now. `retention` and `storage` are tasks, which can be followed and cancelled like any other."""
    task = await services.operations.upkeep_runs.start(name, organization_id)
    message = "Upkeep queued" if task else "A supervisor does it within seconds"
    return UpkeepStarted(name=name, task_id=str(task.id) if task else None, message=message)


@router.get("/organizations/{organization_id}/retention", tags=["organizations"])
async def get_retention(
    organization_id: _OrganizationId, identity: OrganizationAdmin, services: ServicesOf
) -> RetentionBody:
    """Show for how many days an organization keeps what is over: its choice, and what applies."""
    _check_organization(identity, organization_id)
    return await _describe(services, organization_id)


@router.put("/organizations/{organization_id}/retention", tags=["organizations"])
async def set_retention(
    organization_id: _OrganizationId, body: RetentionDays, identity: OrganizationAdmin, services: ServicesOf
) -> RetentionBody:
    """Choose for how many days the organization keeps what is over. A subject that is null follows the installation.

    It applies from the next run of the upkeep `retention`, once a day. What is deleted cannot be restored.
    """
    _check_organization(identity, organization_id)
    await services.operations.retention.set(organization_id, body.to_domain())
    return await _describe(services, organization_id)


@router.get("/organizations/{organization_id}/alerts", tags=["organizations"])
async def get_alerts(organization_id: _OrganizationId, identity: OrganizationAdmin, services: ServicesOf) -> AlertsBody:
    """Show who receives mails about the organization's dead letters."""
    _check_organization(identity, organization_id)
    emails = await services.queue.dead_letter_mails.get_emails(organization_id)
    return AlertsBody(organization_id=organization_id, emails=list(emails))


@router.put("/organizations/{organization_id}/alerts", tags=["organizations"])
async def set_alerts(
    organization_id: _OrganizationId, body: AlertsUpdate, identity: OrganizationAdmin, services: ServicesOf
) -> AlertsBody:
    """Choose who receives mails about the organization's dead letters: tasks that failed for good.

    The server sends at most one mail in 15 minutes (`DEAD_LETTER_EMAIL_MINUTES`), with counts and the first ten. It
    needs a mail server (`SMTP_URL`).
    """
    _check_organization(identity, organization_id)
    await services.queue.dead_letter_mails.set_emails(organization_id, body.emails)
    return AlertsBody(organization_id=organization_id, emails=body.emails)


def _check_organization(identity: Identity, organization_id: int) -> None:
    """Answer 404 for another organization, unless the caller is an operator."""
    if organization_id != identity.organization_id and not identity.allows(Scope.OPERATOR):
        raise NotFoundError(f"Organization {organization_id} does not exist.")


async def _describe(services: Services, organization_id: int) -> RetentionBody:
    retention = services.operations.retention
    chosen, days = await retention.get(organization_id)
    return RetentionBody(
        organization_id=organization_id,
        chosen=RetentionDays.model_validate(chosen),
        days={subject.value: number for subject, number in days.items()},
        minimum={subject.value: retention.limits.minimum(subject) for subject in days},
        maximum=retention.limits.highest,
    )
