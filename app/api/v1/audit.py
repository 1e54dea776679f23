"""The route for the audit log."""

from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime

from app.api import csv_tables
from app.api.access import OrganizationAdmin, ServicesOf
from app.api.bodies.audit import AuditEntryBody, AuditList
from app.api.paging import AfterId, Limit
from app.api.problems import document_problems
from app.domain.audit import AuditFilter
from app.domain.errors import OperatorRequiredError, RestrictedKeyError
from app.domain.identity import Identity, Scope

router = APIRouter(tags=["operations"])

_Organization = Annotated[
    int | None,
    Query(ge=1, le=2**63 - 1, description="For operators: only entries of this organization. Without it, of all."),
]
_Key = Annotated[str | None, Query(max_length=100, description="Only entries of this key: its id or its prefix.")]
_Action = Annotated[str | None, Query(max_length=100, description="Only this operation, such as `delete_document`.")]
_Target = Annotated[
    str | None, Query(max_length=200, description="Only entries that name this target, such as `document:123`.")
]
_From = Annotated[AwareDatetime | None, Query(alias="from", description="Only entries since this time.")]
_To = Annotated[AwareDatetime | None, Query(description="Only entries before this time.")]


async def _read_filter(
    organization_id: _Organization = None,
    key: _Key = None,
    action: _Action = None,
    target: _Target = None,
    since: _From = None,
    to: _To = None,
) -> AuditFilter:
    return AuditFilter(organization_id, key, action, target, since, to)


@router.get(
    "/audit",
    response_model=AuditList,
    responses={
        **document_problems(OperatorRequiredError, RestrictedKeyError),
        200: {"content": {csv_tables.MEDIA_TYPE: {"schema": {"type": "string"}}}},
    },
)
async def list_audit_entries(
    wanted: Annotated[AuditFilter, Depends(_read_filter)],
    request: Request,
    identity: OrganizationAdmin,
    services: ServicesOf,
    limit: Limit = 100,
    after: AfterId = None,
    format: Annotated[  # noqa: A002 - the parameter's name in the query
        Literal["json", "csv"], Query(description="`csv` for a table; the header `Link` has its next page.")
    ] = "json",
) -> AuditList | Response:
    """List who wrote what, newest first: each write that succeeded or was refused with 403.

    An operator sees the entries of all organizations. The log has no texts, names or metadata of documents, and no
    secrets. It cannot be changed; entries are deleted after the organization's retention time.
    """
    listing = await services.operations.audit.list(_limit_to_own(wanted, identity), limit=limit, after=after)
    entries = [AuditEntryBody.model_validate(entry, from_attributes=True) for entry in listing.items]
    if format == "csv":
        rows = (entry.model_dump() for entry in entries)
        return csv_tables.respond(list(AuditEntryBody.model_fields), rows, url=request.url, cursor=listing.next)
    return AuditList(entries=entries, total=listing.total, next=listing.next)


def _limit_to_own(wanted: AuditFilter, identity: Identity) -> AuditFilter:
    """The filter without the entries of organizations that the caller may not see.

    Raises:
        OperatorRequiredError: the caller asked for another organization, and is no operator.
    """
    if identity.allows(Scope.OPERATOR):
        return wanted
    if wanted.organization_id not in {None, identity.organization_id}:
        raise OperatorRequiredError
    return replace(wanted, organization_id=identity.organization_id)
