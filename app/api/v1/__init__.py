"""The routes of the API, version 1."""

from fastapi import APIRouter, Depends

from app.api.v1 import (
    agents,
    analytics,
    api_keys,
    ask,
    audit,
    billing,
    bulk,
    dead_letters,
    deliveries,
    documents,
    evaluations,
    events,
    limits,
    organizations,
    profile_imports,
    profiles,
    queues,
    reports,
    search,
    specs,
    tasks,
    upkeep,
    uploads,
    webhooks,
    webpages,
)
from app.api.validation import refuse_unknown_parameters

_PARTS = (
    bulk,
    agents,
    analytics,
    uploads,
    webpages,
    documents,
    tasks,
    dead_letters,
    search,
    ask,
    evaluations,
    specs,
    events,
    profile_imports,
    profiles,
    queues,
    api_keys,
    audit,
    billing,
    webhooks,
    deliveries,
    organizations,
    upkeep,
    limits,
    reports,
)

router = APIRouter(prefix="/api/v1", dependencies=[Depends(refuse_unknown_parameters)])
for part in _PARTS:
    router.include_router(part.router)
