"""The FastAPI application, from its one factory."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

from app import __version__
from app.api import health, problems, v1
from app.api.problems import Problem
from app.api.request_ids import RequestIds
from app.bootstrap import build_services
from app.celery_app import create_celery, resolve_settings
from app.db.schema import prepare_database
from app.embedded import Engines
from app.logs import configure_logs
from app.settings import Settings, load_settings

_CONNECTIONS = 10


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application. Settings are read when none are given; servers are met when it starts, not before."""
    given = settings or load_settings()

    @asynccontextmanager
    async def run(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            resolved = resolve_settings(given)
