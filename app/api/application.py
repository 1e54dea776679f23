"""The factory of the FastAPI application."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from app import __version__
from app.api import (
    audit,
    description,
    docs_pages,
    health,
    idempotency,
    problems,
    rate_limits,
    route_table,
    v1,
    webhook_events,
)
from app.api.access import AuthenticationMiddleware
from app.api.access_log import AccessLogMiddleware
from app.api.body_limit import BodyLimitMiddleware
from app.api.request_ids import RequestIdMiddleware
from app.api.server.connections import STATE_KEY as CONNECTIONS
from app.api.server.connections import Connections
from app.api.server.descriptors import raise_descriptor_limit
from app.api.server.limits import ClientAddresses, choose_limits
from app.api.startup import StartupErrorMiddleware
from app.bootstrap import (
    Services,
    build_services,
    check_choices,
    check_storage,
    check_store,
    prepare_database,
    report_errors,
    send_reports,
)
from app.celery_app import create_celery
from app.embedded.running import open_servers
from app.logs import configure_logs
from app.settings import Settings, load_settings, reveal

_CONNECTIONS = 10

_DESCRIPTION = """
Sluice turns documents into searchable, citable knowledge for AI agents. An upload is answered at once with a task.
Follow the task by polling, by long-polling (`wait`) or by server-sent events. Every error is a problem (RFC 9457)
with a stable `code`. Every write accepts an `Idempotency-Key`, so that a client can safely send it again.
"""


def create_app(settings: Settings | None = None) -> FastAPI:
    """Create the application. It connects to its servers when it starts, not here."""
    given = settings or load_settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        configure_logs(given)
        report_errors(given)
        check_choices(given)
        with open_servers(given) as servers:
            resolved = servers.settings
            await prepare_database(resolved)
            services = build_services(resolved, create_celery(resolved), connections=_CONNECTIONS, parsers=1)
            app.state.services = services
            try:
                await _prepare(services, resolved)
                async with _prepare_search(services), services.tenants.key_usage.writing():
                    yield {CONNECTIONS: _open_connections(resolved)}
            finally:
                await services.close()
                await asyncio.to_thread(send_reports)

    app = FastAPI(
        title="Sluice",
        version=__version__,
        description=_DESCRIPTION,
        openapi_tags=description.TAGS,
        generate_unique_id_function=_name_operation,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    _add_middleware(app, access_log=given.access_log)
    for part in (docs_pages, health, v1):
        app.include_router(part.router)
    webhook_events.install(app)
    problems.install(app)
    description.install(app)
    return app


async def _prepare(services: Services, settings: Settings) -> None:
    """Check what the settings name, and create what a new installation lacks."""
    await check_storage(services.adapters.blobs)
    await services.queue.tasks.order_new_tasks()
    await services.indexing.vector_indexes.ensure()
    await check_store(services)
    secret = await services.tenants.identities.bootstrap(reveal(settings.bootstrap_api_key))
    if secret:
        sys.stderr.write(f"\nYour API key, shown only now: {secret}\n\n")


@asynccontextmanager
async def _prepare_search(services: Services) -> AsyncIterator[None]:
    """Prepare search in the background, so that the API answers at once; stop that at the end of the block."""
    preparing = asyncio.create_task(services.search.search.prepare())
    try:
        yield
    finally:
        preparing.cancel()
        await asyncio.wait([preparing])


def _open_connections(settings: Settings) -> Connections:
    """The connections of this process, for the server's protocol."""
    limits = choose_limits(settings, raise_descriptor_limit())
    return Connections(limits, ClientAddresses(settings.forwarded_allow_ips))


def _name_operation(route: APIRoute) -> str:
    """The name of an operation in the OpenAPI document, from which clients derive the names of their functions."""
    return route.name


def _add_middleware(app: FastAPI, *, access_log: bool) -> None:
    """Add the middleware. The last one added runs first, so a request passes them from the bottom to the top."""
    route_table.install(app)
    audit.install(app)
    idempotency.install(app)  # uses the identity that authentication found
    app.add_middleware(BodyLimitMiddleware)
    rate_limits.install(app)
    app.add_middleware(AuthenticationMiddleware)
    if access_log:
        app.add_middleware(AccessLogMiddleware)
    app.add_middleware(RequestIdMiddleware)
    app.add_middleware(StartupErrorMiddleware)
