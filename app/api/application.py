"""The FastAPI application, from its one factory."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app import __version__
from app.api import health, idempotency, problems, v1
from app.api.access import Access
from app.api.request_ids import RequestIds
from app.api.startup import StartupReasons
from app.bootstrap import build_services, check_choices, check_storage, check_store, prepare_database
from app.celery_app import create_celery
from app.embedded.running import open_servers
from app.logs import configure_logs
from app.settings import Settings, load_settings, reveal

_CONNECTIONS = 10

_DESCRIPTION = """
Documents for AI agents, through priority queues, with nothing lost. An upload answers with a task
at once; follow it by polling, long-polling (`wait`) or server-sent events. Every error is a
problem (RFC 9457) with a stable `code`. Every write takes an `Idempotency-Key`, so that it can be sent again safely.
"""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application. Servers are met when it starts, not when it is made."""
    given = settings or load_settings()

    @asynccontextmanager
    async def run(app: FastAPI) -> AsyncIterator[None]:
        configure_logs(given)
        check_choices(given)
        with open_servers(given) as servers:
            resolved = servers.settings
            await prepare_database(resolved)
            services = build_services(resolved, create_celery(resolved), connections=_CONNECTIONS, parsers=1)
            app.state.services = services
            try:
                await check_storage(services.adapters.blobs)
                await services.indexing.vector_indexes.ensure()
                await check_store(services)
                secret = await services.tenants.identities.bootstrap(reveal(resolved.bootstrap_api_key))
                if secret:
                    sys.stderr.write(f"\nYour API key, shown only now: {secret}\n\n")
                yield
            finally:
                await services.close()

    app = FastAPI(title="Sluice", version=__version__, description=_DESCRIPTION, lifespan=run)
    idempotency.install(app)
    app.add_middleware(Access)
    app.add_middleware(RequestIds)
    app.add_middleware(StartupReasons)
    app.include_router(health.router)
    app.include_router(v1.router)
    problems.install(app)
    return app
