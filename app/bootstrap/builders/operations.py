from dataclasses import dataclass

from app.bootstrap.adapters import Adapters
from app.bootstrap.builders.indexing import IndexingServices
from app.bootstrap.builders.providers import ProviderServices
from app.bootstrap.builders.queue import QueueServices
from app.domain.retention import RetentionLimits, Subject
from app.services.operations.audit import AuditLog
from app.services.operations.leftovers import Leftovers
from app.services.operations.overview import Overview
from app.services.operations.retention import Retention
from app.services.operations.storage_sweep import StorageSweep
from app.services.operations.upkeep import Upkeep
from app.services.operations.upkeep_runs import UpkeepRuns
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class OperationsServices:
    """``app.services.operations``."""

    audit: AuditLog
    leftovers: Leftovers
    overview: Overview
    retention: Retention
    storage_sweep: StorageSweep
    upkeep: Upkeep
    upkeep_runs: UpkeepRuns


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
        retention=Retention(database, queue.admission, _make_limits(settings)),
        storage_sweep=StorageSweep(database, leftovers),
        upkeep_runs=UpkeepRuns(database, queue.admission),
        upkeep=Upkeep(
            database,
            queue.after_commit,
            adapters.blobs,
            indexing.reembedding,
            indexing.calibrations,
            leftovers,
            settings.embedding_cache_days,
        ),
    )


def _make_limits(settings: Settings) -> RetentionLimits:
    defaults = {
        Subject.TASKS: settings.task_retention_days,
        Subject.EVENTS: settings.event_retention_days,
        Subject.DELIVERIES: settings.delivery_retention_days,
        Subject.AUDIT: settings.audit_retention_days,
        Subject.USAGE: settings.usage_retention_days,
        Subject.DELETED_DOCUMENTS: settings.task_retention_days,
    }
    if settings.result_retention_days:
        defaults[Subject.RESULTS] = settings.result_retention_days
    return RetentionLimits(defaults, settings.retention_min_days, settings.retention_max_days)
