"""Health, for those who run Sluice and their machines. No key is needed."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from app import __version__
from app.api.access import ServicesOf

router = APIRouter(tags=["health"])


@router.get("/livez")
async def livez() -> dict[str, str]:
    """Answer as long as the process does."""
    return {"status": "ok"}


@router.get("/readyz", responses={503: {"description": "Names the parts that are down."}})
async def readyz(services: ServicesOf) -> JSONResponse:
    """Tell whether every part works.

    A provider that is down is named, and its work waits; the answer stays 200, since uploads are taken all the same.
    """
    checks = await services.operations.overview.check()
    ready = all(check.ok for check in checks)
    workers = await services.operations.overview.list_workers() if ready else []
    providers = await services.operations.overview.list_providers() if ready else []
    away = {provider.name: provider.describe() for provider in providers if provider.down_since}
    body: dict[str, Any] = {
        "status": "not ready" if not ready else "degraded" if away else "ready",
        "down": [*(check.name for check in checks if not check.ok), *away],
        "checks": {**{check.name: check.detail for check in checks}, **away},
        "workers": len(workers),
    }
    return JSONResponse(body, 200 if ready else 503, headers={} if ready else {"Retry-After": "5"})


@router.get("/version")
async def version() -> dict[str, str]:
    """Tell the version."""
    return {"name": "sluice", "version": __version__}
