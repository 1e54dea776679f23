"""A transaction of another client that holds slugs, so that the rows with these slugs wait."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.database import hold
from tests.running import Stack


@contextmanager
def hold_slugs(stack: Stack, *slugs: str) -> Iterator[None]:
    """Hold slugs until the end of the block; then they are free."""
    rows = ", ".join(f"(1, 'Held', '{slug}')" for slug in slugs)
    with hold(stack.settings.database_url or "", f"INSERT INTO agents (organization_id, name, slug) VALUES {rows}"):
        yield


def count_agents(stack: Stack, prefix: str) -> int:
    """The number of agents whose slugs begin so; each slug must be of one agent."""
    query = "SELECT count(*), count(DISTINCT slug) FROM agents WHERE slug LIKE $1 AND deleted_at IS NULL"
    [(agents, slugs)] = stack.fetch(query, f"{prefix}%")
    assert agents == slugs
    return int(agents)
