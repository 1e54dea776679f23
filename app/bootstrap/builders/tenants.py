from dataclasses import dataclass

from app.bootstrap.adapters import Adapters
from app.bootstrap.builders.indexing import IndexingServices
from app.bootstrap.builders.queue import QueueServices
from app.services.tenants.agent_deletion import AgentDeletion
from app.services.tenants.agents import Agents
from app.services.tenants.api_keys import ApiKeys
from app.services.tenants.idempotency import Idempotency
from app.services.tenants.identities import Identities
from app.services.tenants.key_usage import KeyUsage
from app.services.tenants.organizations import Organizations


@dataclass(frozen=True, slots=True)
class TenantServices:
    """``app.services.tenants``."""

    agent_deletion: AgentDeletion
    agents: Agents
    api_keys: ApiKeys
    idempotency: Idempotency
    identities: Identities
    key_usage: KeyUsage
    organizations: Organizations


def build_tenants(adapters: Adapters, queue: QueueServices, indexing: IndexingServices) -> TenantServices:
    """Build the services for organizations, keys and agents."""
    database, key_usage = adapters.database, KeyUsage(adapters.database)
    return TenantServices(
        agent_deletion=AgentDeletion(database, indexing.erasure, queue.after_commit),
        agents=Agents(database, queue.admission, queue.after_commit),
        api_keys=ApiKeys(database),
        idempotency=Idempotency(database),
        identities=Identities(database, key_usage),
        key_usage=key_usage,
        organizations=Organizations(database),
    )
