from dataclasses import dataclass

from app.bootstrap.adapters import Adapters
from app.bootstrap.builders.indexing import IndexingServices
from app.bootstrap.builders.queue import QueueServices
from app.services.tenants.agent_deletion import AgentDeletion
from app.services.tenants.agents import Agents
from app.services.tenants.idempotency import Idempotency
from app.services.tenants.identities import Identities


@dataclass(frozen=True, slots=True)
class TenantServices:
    """``app.services.tenants``."""

    agent_deletion: AgentDeletion
    agents: Agents
    idempotency: Idempotency
    identities: Identities


def build_tenants(adapters: Adapters, queue: QueueServices, indexing: IndexingServices) -> TenantServices:
    """Build the services for organizations, keys and agents."""
    database = adapters.database
    return TenantServices(
        agent_deletion=AgentDeletion(database, indexing.erasure, queue.after_commit),
        agents=Agents(database, queue.admission, queue.after_commit),
        idempotency=Idempotency(database),
        identities=Identities(database),
    )
