from dataclasses import dataclass

from app.bootstrap.adapters import Adapters
from app.bootstrap.builders.indexing import IndexingServices
from app.bootstrap.builders.queue import QueueServices
from app.services.tenants.agents import Agents
from app.services.tenants.idempotency import Idempotency
from app.services.tenants.identities import Identities


@dataclass(frozen=True, slots=True)
class TenantServices:
    """``app.services.tenants``."""

    agents: Agents
    idempotency: Idempotency
    identities: Identities


def build_tenants(adapters: Adapters, queue: QueueServices, indexing: IndexingServices) -> TenantServices:
    """Build the services for organizations, keys and agents."""
    database = adapters.database
    return TenantServices(
        agents=Agents(database, adapters.blobs, queue.admission, queue.after_commit, indexing.vectors),
        idempotency=Idempotency(database),
        identities=Identities(database),
    )
