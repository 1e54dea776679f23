"""Builds the services of ``app.services.onboarding``."""

from dataclasses import dataclass

from app.bootstrap.adapters import Adapters
from app.bootstrap.builders.intake import IntakeServices
from app.bootstrap.builders.queue import QueueServices
from app.domain.addresses import AllowedHosts
from app.services.onboarding.creation import AgentCreation
from app.services.onboarding.imports import AgentImports
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class OnboardingServices:
    """``app.services.onboarding``."""

    imports: AgentImports
    creation: AgentCreation


def build_onboarding(
    settings: Settings, adapters: Adapters, queue: QueueServices, intake: IntakeServices
) -> OnboardingServices:
    """Build the services that create agents from lists."""
    imports = AgentImports(
        adapters.database,
        adapters.blobs,
        intake.uploads,
        adapters.parser,
        queue.admission,
        intake.backpressure,
        AllowedHosts.parse(settings.web_allowed_hosts),
    )
    return OnboardingServices(imports, AgentCreation(adapters.database, intake.backpressure))
