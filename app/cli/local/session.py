"""The services of this machine's installation, for commands that need no running API."""

import asyncio
import getpass
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from app.bootstrap import Services, build_services, check_choices, prepare_database
from app.celery_app import create_celery
from app.cli.output import CommandError
from app.domain.audit import NewAuditEntry
from app.embedded.running import has_database, open_servers
from app.logs import configure_logs
from app.settings import Settings, load_settings

Result = TypeVar("Result")


class Session:
    """The services, and the organization on whose data the commands work."""

    def __init__(self, services: Services, organization_id: int) -> None:
        self.services = services
        self.organization_id = organization_id

    async def record(self, command: str, *targets: str) -> None:
        """Write an entry into the audit log: this command, which no API key authorises, has changed something."""
        entry = NewAuditEntry(
            organization_id=self.organization_id, actor=getpass.getuser(), action=command, targets=targets
        )
        await self.services.operations.audit.add(entry)


def run(work: Callable[[Session], Awaitable[Result]], *, any_index: bool = False) -> Result:
    """Run ``work`` with a session on the configured servers, or on the embedded ones.

    Args:
        work: What to do.
        any_index: Whether it may run if the settings name another vector index than the active one.

    Raises:
        IndexMismatchError: they do, and it may not.
        CommandError: there is no installation; none is made.
    """
    given = load_settings()
    configure_logs(given, "WARNING")
    require_installation(given)

    @asynccontextmanager
    async def open_session(settings: Settings) -> AsyncIterator[Session]:
        await prepare_database(settings, create=False)
        services = build_services(settings, create_celery(settings), connections=5, parsers=1)
        try:
            if not any_index:
                check_choices(settings)
                await services.indexing.vector_indexes.ensure()
            yield Session(services, await services.tenants.identities.get_default_organization())
        finally:
            await services.close()

    async def call(settings: Settings) -> Result:
        async with open_session(settings) as session:
            return await work(session)

    with open_servers(given) as servers:
        return asyncio.run(call(servers.settings))


def require_installation(settings: Settings) -> None:
    """Check that the data folder has a database, unless the settings name one.

    Raises:
        CommandError: it has none.
    """
    if settings.database_url is None and not has_database(settings.data_dir):
        raise CommandError(
            f"There is no installation in {settings.data_dir}. "
            "Set DATA_DIR to the folder of yours, or start a new one with `make up`."
        )
