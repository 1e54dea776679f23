"""Routes for customer profiles."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from app.api.access import ServicesOf, UnfilteredReader, Writer
from app.api.bodies.profiles import (
    ProfileAccepted,
    ProfileBody,
    ProfileCreate,
    ProfileEnrich,
    ProfileList,
    ProfilesEnrich,
    ProfileUpdate,
    Status,
)
from app.api.bodies.tasks import TaskAccepted
from app.api.paging import AfterId, Limit
from app.api.problems import NEW_WORK, RESPONSES, document_problems
from app.api.v1.agents import AgentId
from app.domain.errors import (
    DuplicateProfileError,
    InvalidRequestError,
    InvalidUrlError,
    ProfileBusyError,
    UrlNotAllowedError,
)
from app.domain.profiles import ProfileStatus
from app.domain.tasks import Task
from app.services.profiles.profiles import EnrichmentSource

router = APIRouter(tags=["profiles"], responses=RESPONSES)

ProfileId = Annotated[int, Path(ge=1, le=2**63 - 1, description="The profile's id.")]
StatusFilter = Annotated[Status | None, Query(description="Only those of this status.")]
NameFilter = Annotated[
    str | None,
    Query(min_length=1, max_length=200, description="Only those whose name contains this, in upper or lower case."),
]
_QUEUED = "Enrichment queued"


@router.post(
    "/agents/{agent_id}/profiles",
    status_code=201,
    responses=document_problems(DuplicateProfileError, InvalidUrlError, UrlNotAllowedError),
)
async def create_profile(
    agent_id: AgentId, body: ProfileCreate, identity: Writer, services: ServicesOf, response: Response
) -> ProfileBody:
    """Create a customer profile. An agent has one profile of a website at most."""
    profile = await services.profiles.profiles.create(
        identity.access,
        agent_id,
        name=body.name,
        website=body.website,
        fields=body.fields.model_dump(exclude_none=True),
        enrich_every_days=body.enrich_every_days,
    )
    response.headers["Location"] = f"/api/v1/profiles/{profile.id}"
    return ProfileBody.of(profile)


@router.get("/agents/{agent_id}/profiles")
async def list_profiles(
    agent_id: AgentId,
    identity: UnfilteredReader,
    services: ServicesOf,
    status: StatusFilter = None,
    name: NameFilter = None,
    limit: Limit = 100,
    after: AfterId = None,
) -> ProfileList:
    """List an agent's customer profiles, newest first."""
    wanted = ProfileStatus(status) if status else None
    found = await services.profiles.profiles.list(
        identity.access, agent_id, status=wanted, search=name, limit=limit, after=after
    )
    return ProfileList(profiles=[ProfileBody.of(one) for one in found.items], total=found.total, next=found.next)


@router.get("/profiles/{profile_id}")
async def get_profile(profile_id: ProfileId, identity: UnfilteredReader, services: ServicesOf) -> ProfileBody:
    """Show a customer profile, with the sources of each field."""
    return ProfileBody.of(await services.profiles.profiles.get(identity.access, profile_id))


@router.patch(
    "/profiles/{profile_id}", responses=document_problems(DuplicateProfileError, InvalidUrlError, UrlNotAllowedError)
)
async def update_profile(
    profile_id: ProfileId, body: ProfileUpdate, identity: Writer, services: ServicesOf
) -> ProfileBody:
    """Change a customer profile. No enrichment replaces the values that are set here."""
    profiles = services.profiles.profiles
    return ProfileBody.of(await profiles.update(identity.access, profile_id, body.list_changes()))


@router.delete("/profiles/{profile_id}", status_code=204, response_description="The profile is deleted.")
async def delete_profile(profile_id: ProfileId, identity: Writer, services: ServicesOf) -> None:
    """Delete a customer profile with everything that is known of the company. A running enrichment is cancelled."""
    await services.profiles.profiles.delete(identity.access, profile_id)


@router.post("/profiles/{profile_id}/enrich", status_code=202, responses=document_problems(*NEW_WORK, ProfileBusyError))
async def enrich_profile(
    profile_id: ProfileId,
    identity: Writer,
    services: ServicesOf,
    response: Response,
    body: ProfileEnrich | None = None,
) -> ProfileAccepted:
    """Enrich a customer profile from the company's website, or from documents.

    A task does the work. From a website it reads the first page and up to four others that it links to: imprint,
    contact, about. Sluice obeys robots.txt. If an enrichment is under way already, the response names its task.
    """
    source = EnrichmentSource((body or ProfileEnrich()).source)
    task = await services.profiles.profiles.enrich(identity.access, profile_id, source)
    return _accept(task, profile_id, response)


@router.post(
    "/agents/{agent_id}/profiles/enrich",
    status_code=202,
    responses=document_problems(*NEW_WORK, ProfileBusyError),
)
async def enrich_profiles(
    agent_id: AgentId,
    identity: Writer,
    services: ServicesOf,
    response: Response,
    body: ProfilesEnrich | None = None,
) -> ProfileAccepted:
    """Enrich an agent's profiles from their websites, or one from documents.

    With `website`, the task has a child for each profile that has a website and that no task is enriching.
    """
    given, many, access = body or ProfilesEnrich(), services.profiles.many, identity.access
    if given.source == "website" and given.profile_id is not None:
        raise InvalidRequestError("Is only for documents. Use POST /profiles/{id}/enrich.", field="body.profile_id")
    if given.source == "documents":
        profile_id, task = await many.enrich_from_documents(access, agent_id, given.profile_id)
        return _accept(task, profile_id, response)
    status = ProfileStatus(given.filter.status) if given.filter.status else None
    return _accept(await many.enrich(access, agent_id, status=status, search=given.filter.name), None, response)


def _accept(task: Task, profile_id: int | None, response: Response) -> ProfileAccepted:
    response.headers["Location"] = f"/api/v1/tasks/{task.id}"
    return ProfileAccepted(**TaskAccepted.of(task, _QUEUED).model_dump(), profile_id=profile_id)
