"""The routes of the API, version 1."""

from fastapi import APIRouter, Depends

from app.api.v1 import agents, api_keys, dead_letters, documents, evaluations, queues, search, tasks, uploads, webpages
from app.api.validation import refuse_unknown_parameters

router = APIRouter(prefix="/api/v1", dependencies=[Depends(refuse_unknown_parameters)])
for part in (agents, uploads, webpages, documents, tasks, dead_letters, search, evaluations, queues, api_keys):
    router.include_router(part.router)
