"""Every use case, built on the adapters that the settings choose."""

from dataclasses import dataclass

from celery import Celery

from app.bootstrap.adapters import Adapters, choose_adapters
from app.bootstrap.builders.answers import AnswerServices, build_answers
from app.bootstrap.builders.billing import BillingServices, build_billing
from app.bootstrap.builders.evaluations import EvaluationServices, build_evaluations
from app.bootstrap.builders.indexing import IndexingServices, build_indexing
from app.bootstrap.builders.intake import IntakeServices, build_intake
from app.bootstrap.builders.notifications import NotificationServices, build_notifications
from app.bootstrap.builders.onboarding import OnboardingServices, build_onboarding
from app.bootstrap.builders.operations import OperationsServices, build_operations
from app.bootstrap.builders.profiles import ProfileServices, build_profiles
from app.bootstrap.builders.providers import ProviderServices, build_providers
from app.bootstrap.builders.queue import QueueServices, build_queue
from app.bootstrap.builders.search import SearchServices, build_search
from app.bootstrap.builders.specs import SpecServices, build_specs
from app.bootstrap.builders.tenants import TenantServices, build_tenants
from app.bootstrap.builders.usage import UsageServices, build_usage
from app.bootstrap.builders.webhooks import WebhookServices, build_webhooks
from app.bootstrap.models import Embedders
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """Every use case, on one event loop: a field for each package of ``app.services``."""

    adapters: Adapters
    queue: QueueServices
    providers: ProviderServices
    indexing: IndexingServices
    billing: BillingServices
    intake: IntakeServices
    tenants: TenantServices
    notifications: NotificationServices
    operations: OperationsServices
    search: SearchServices
    answers: AnswerServices
    evaluations: EvaluationServices
    specs: SpecServices
    onboarding: OnboardingServices
    usage: UsageServices
    profiles: ProfileServices
    webhooks: WebhookServices

    async def close(self) -> None:
        """Finish the running admissions, write the audit log, cancel the upkeep, then close the adapters."""
        await self.queue.admission.settle()
        await self.operations.audit.close()
        await self.operations.upkeep.close()
        await self.usage.searches.close()
        await self.adapters.close()


def build_services(
    settings: Settings, celery: Celery, *, embedders: Embedders | None = None, connections: int, parsers: int
) -> Services:
    """Build every service. Call it on the event loop, and in the process, that will use them.

    Args:
        settings: The settings, with ``database_url`` known.
        celery: The application that publishes the messages.
        embedders: The models of this process, if some are loaded already.
        connections: The largest number of database connections.
        parsers: The largest number of documents parsed at once, each in a process of its own.

    Raises:
        StartupError: when the settings name no database, or an adapter's key or package is missing.
    """
    adapters = choose_adapters(settings, celery, embedders=embedders, connections=connections, parsers=parsers)
    queue = build_queue(settings, adapters)
    providers = build_providers(adapters)
    indexing = build_indexing(settings, adapters, queue, providers)
    billing = build_billing(settings, adapters, queue)
    intake = build_intake(settings, adapters, queue, indexing, billing)
    usage = build_usage(adapters)
    search = build_search(settings, adapters, providers, indexing, usage)
    answers = build_answers(settings, adapters, queue, providers, intake, search)
    return Services(
        adapters=adapters,
        queue=queue,
        providers=providers,
        indexing=indexing,
        billing=billing,
        intake=intake,
        tenants=build_tenants(adapters, queue, indexing),
        notifications=build_notifications(adapters, queue),
        operations=build_operations(settings, adapters, queue, providers, indexing),
        search=search,
        answers=answers,
        evaluations=build_evaluations(settings, adapters, queue, indexing, intake, search, answers),
        specs=build_specs(settings, adapters, queue, indexing, intake, answers),
        onboarding=build_onboarding(settings, adapters, queue, intake),
        usage=usage,
        profiles=build_profiles(settings, adapters, queue, intake, search, answers),
        webhooks=build_webhooks(settings, adapters, queue),
    )
