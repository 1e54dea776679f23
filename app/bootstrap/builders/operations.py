from dataclasses import dataclass

from app.bootstrap.adapters import Adapters
from app.bootstrap.builders.indexing import IndexingServices
from app.bootstrap.builders.providers import ProviderServices
from app.bootstrap.builders.queue import QueueServices
from app.services.operations.audit import AuditLog
from app.services.operations.leftovers import Leftovers
from app.services.operations.overview import Overview
from app.services.operations.upkeep import Upkeep
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class OperationsServices:
    """``app.services.operations``."""

    audit: AuditLog
    leftovers: Leftovers
    overview: Overview
    upkeep: Upkeep


def build_operations(
    settings: Settings,
    adapters: Adapters,
    queue: QueueServices,
    providers: ProviderServices,
    indexing: IndexingServices,
) -> OperationsServices:
    """Build the services for operators."""
    database = adapters.database
    leftovers = Leftovers(database, adapters.blobs, queue.admission)
    return OperationsServices(
        audit=AuditLog(database, records_addresses=settings.audit_client_addresses),
        leftovers=leftovers,
        overview=Overview(database, queue.admission, adapters.doorbell.ping, providers.calls),
        upkeep=Upkeep(
            database,
            queue.after_commit,
            adapters.blobs,
            indexing.reembedding,
            indexing.calibrations,
            leftovers,
            settings.task_retention_days,
            settings.embedding_cache_days,
        ),
    )
