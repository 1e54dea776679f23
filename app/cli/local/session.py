"""Shared by the commands on data: the services while a command runs, and the printing of results."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from app.bootstrap import Services, build_services, check_choices, prepare_database
from app.celery_app import create_celery
from app.domain.errors import NotFoundError
from app.domain.records import Agent
from app.embedded.running import open_servers
from app.logs import configure_logs
from app.settings import Settings, load_settings

_PIPE_COLUMNS = 1000

Result = TypeVar("Result")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AgentName = Annotated[str, typer.Option("--agent", "-a", help="An agent's id or slug.")]


class Session:
    """The services, and the organization on whose data the commands work."""

    def __init__(self, services: Services, organization_id: int) -> None:
        self.services = services
        self.organization_id = organization_id

    async def find_agent(self, name: str) -> Agent:
        """Find an agent by id or slug.

        Raises:
            NotFoundError: there is no such agent.
        """
        agents = self.services.tenants.agents
        if name.isdecimal():
            return await agents.get(self.organization_id, int(name))
        if agent := await agents.find(self.organization_id, name):
            return agent
        raise NotFoundError(f"Agent {name!r} does not exist. Create it: ./sluice agents create {name}")


def run(work: Callable[[Session], Awaitable[Result]], *, any_index: bool = False) -> Result:
    """Run ``work`` with a session on the configured servers, or on the embedded ones.

    Args:
        work: What to do.
        any_index: Whether it may run if the settings name another vector index than the active one.

    Raises:
        IndexMismatchError: they do, and it may not.
    """
    given = load_settings()
    configure_logs(given, "WARNING")

    @asynccontextmanager
    async def open_session(settings: Settings) -> AsyncIterator[Session]:
        await prepare_database(settings)
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


def print_json(value: Any) -> None:
    """Print one JSON document on standard output."""
    sys.stdout.write(json.dumps(value, default=str, ensure_ascii=False, indent=2) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table on standard output."""
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    # In a pipe, cells are not shortened to fit a window.
    Console(soft_wrap=True, width=None if sys.stdout.isatty() else _PIPE_COLUMNS).print(table)
