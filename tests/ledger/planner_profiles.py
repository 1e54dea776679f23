"""Customer profiles that are due, and the ended enrichments of one that is deleted."""

from typing import Any

from app.domain.tasks import TaskName
from tests.ledger.bench import ORGANIZATION, Bench

_DELETED = 1


def fill_profiles(bench: Bench, agent_of_deleted: int) -> dict[str, Any]:
    """Add profiles and enrichments; returns the parameters of the statements on them."""
    bench.sql(
        "INSERT INTO customer_profiles"
        " (organization_id, agent_id, name, website, enrich_every_days, next_enrichment_at)"
        " SELECT :organization, :agent, 'Weir', 'https://weir.example/' || n, 1, now() - interval '1 day'"
        " FROM generate_series(1, 9) AS n",
        organization=ORGANIZATION,
        agent=bench.agent,
    )
    bench.sql(
        "INSERT INTO tasks (id, organization_id, agent_id, name, queue, state, arguments, completed_at)"
        " SELECT gen_random_uuid(), :organization, :agent, :name, 'low_priority', 'SUCCESS',"
        " jsonb_build_object('profile_id', CAST(:profile AS bigint)), now() FROM generate_series(1, 6)",
        organization=ORGANIZATION,
        agent=agent_of_deleted,
        name=TaskName.ENRICH_PROFILE.value,
        profile=_DELETED,
    )
    return {"profile_id": _DELETED}
