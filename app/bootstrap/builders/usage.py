from dataclasses import dataclass

from app.bootstrap.adapters import Adapters
from app.services.usage.analytics import Analytics
from app.services.usage.searches import SearchCounts
from app.services.usage.sums import UsageSums


@dataclass(frozen=True, slots=True)
class UsageServices:
    """``app.services.usage``."""

    analytics: Analytics
    searches: SearchCounts
    sums: UsageSums


def build_usage(adapters: Adapters) -> UsageServices:
    """Build the services that count usage."""
    database = adapters.database
    return UsageServices(Analytics(database), SearchCounts(database), UsageSums(database))
