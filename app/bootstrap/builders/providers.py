from dataclasses import dataclass

from app.bootstrap.adapters import Adapters
from app.services.providers.calls import ProviderCalls
from app.services.providers.embedding import Embedding


@dataclass(frozen=True, slots=True)
class ProviderServices:
    """``app.services.providers``."""

    calls: ProviderCalls
    embedding: Embedding


def build_providers(adapters: Adapters) -> ProviderServices:
    """Build the services that call providers."""
    calls = ProviderCalls(adapters.database, adapters.limits)
    return ProviderServices(calls=calls, embedding=Embedding(adapters.database, calls))
