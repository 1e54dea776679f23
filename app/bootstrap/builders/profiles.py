"""Builds the services of ``app.services.profiles``."""

from dataclasses import dataclass

from app.bootstrap.adapters import Adapters
from app.bootstrap.builders.answers import AnswerServices
from app.bootstrap.builders.intake import IntakeServices
from app.bootstrap.builders.queue import QueueServices
from app.bootstrap.builders.search import SearchServices
from app.domain.addresses import AllowedHosts
from app.services.profiles.enrichment import Enrichment
from app.services.profiles.from_documents import DocumentFacts
from app.services.profiles.imports import ProfileImports
from app.services.profiles.many import ManyProfiles
from app.services.profiles.profiles import Profiles
from app.services.profiles.reading import CompanyPages
from app.services.profiles.summaries import Summaries
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class ProfileServices:
    """``app.services.profiles``."""

    profiles: Profiles
    many: ManyProfiles
    imports: ProfileImports
    enrichment: Enrichment


def build_profiles(
    settings: Settings,
    adapters: Adapters,
    queue: QueueServices,
    intake: IntakeServices,
    search: SearchServices,
    answers: AnswerServices,
) -> ProfileServices:
    """Build the services that keep customer profiles and enrich them."""
    allowed = AllowedHosts.parse(settings.web_allowed_hosts)
    profiles = Profiles(adapters.database, queue.admission, queue.after_commit, intake.backpressure, allowed)
    generation = answers.generation
    enrichment = Enrichment(
        adapters.database,
        queue.admission,
        CompanyPages(intake.reader, intake.hosts, adapters.parser),
        DocumentFacts(search.search, answers.answers),
        Summaries(generation, adapters.chat.model) if generation and adapters.chat else None,
    )
    many = ManyProfiles(adapters.database, queue.admission, intake.backpressure, profiles)
    imports = ProfileImports(adapters.database, adapters.parser, profiles)
    return ProfileServices(profiles, many, imports, enrichment)
