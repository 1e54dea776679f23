"""Commands for agents."""

from dataclasses import asdict
from typing import Annotated

import typer

from app.cli.local.session import AsJson, Session, print_json, print_table, run
from app.domain.records import Agent, Listing

program = typer.Typer(no_args_is_help=True)


@program.command("create")
def create(
    name: Annotated[str, typer.Argument(help="The agent's name.")],
    slug: Annotated[str | None, typer.Option(help="The agent's slug. Default: derived from the name.")] = None,
    as_json: AsJson = False,
) -> None:
    """Create an agent."""

    async def work(session: Session) -> Agent:
        return await session.services.tenants.agents.create(session.organization_id, name, slug)

    agent = run(work)
    if as_json:
        print_json(asdict(agent))
    else:
        print_table(["id", "slug", "name"], [[agent.id, agent.slug, agent.name]])


@program.command("list")
def list_(
    limit: Annotated[int, typer.Option(help="Maximum number of agents.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List agents, newest first."""

    async def work(session: Session) -> Listing[Agent]:
        return await session.services.tenants.agents.list(session.organization_id, limit=limit, after=None)

    listing = run(work)
    if as_json:
        print_json({"agents": [asdict(agent) for agent in listing.items], "total": listing.total, "next": listing.next})
    else:
        print_table(["id", "slug", "name"], [[agent.id, agent.slug, agent.name] for agent in listing.items])
