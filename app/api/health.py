"""Health checks for operators and load balancers, without an API key."""

import structlog
from fastapi import APIRouter
from fastapi.responses import JSONResponse

from app import __version__
from app.api.access import ServicesOf
from app.api.bodies.health import Liveness, Readiness, Version

router = APIRouter(tags=["health"])
log = structlog.get_logger()


@router.get("/livez")
async def check_liveness() -> Liveness:
    """Report that the process runs."""
    return Liveness()


@router.get(
    "/readyz",
    response_model=Readiness,
    responses={503: {"model": Readiness, "description": "Not ready. `down` names the failing parts."}},
)
async def check_readiness(services: ServicesOf) -> JSONResponse:
    """Report whether the database and the broker work, and how many workers run.

    Reasons of failures, which may name hosts and accounts, are in the server's log only. A provider that is down is
    named in `down`. The status stays 200, because uploads are still accepted and wait.
    """
    checks = await services.operations.overview.check()
    failed = [check for check in checks if not check.ok]
    for check in failed:
        log.warning("not_ready", check=check.name, error=check.detail)
    ready = not failed
    workers = await services.operations.overview.list_workers() if ready else []
    providers = await services.operations.overview.list_providers() if ready else []
    unavailable = {provider.name: provider.describe_outage() for provider in providers if provider.down_since}
    body = Readiness(
        status="not ready" if not ready else "degraded" if unavailable else "ready",
        down=[*(check.name for check in failed), *unavailable],
        checks={**{check.name: check.detail if check.ok else "unavailable" for check in checks}, **unavailable},
        workers=len(workers),
    )
    return JSONResponse(body.model_dump(), 200 if ready else 503, headers={} if ready else {"Retry-After": "5"})


@router.get("/version")
async def get_version() -> Version:
    """Show the version."""
    return Version(version=__version__)
