"""Builds the services for specifications of repositories, which belong to those of answers."""

from app.bootstrap.adapters import Adapters
from app.bootstrap.builders.indexing import IndexingServices
from app.bootstrap.builders.intake import IntakeServices, read_archive_limits
from app.bootstrap.builders.queue import QueueServices
from app.domain.addresses import AllowedHosts
from app.services.answers.generation import Generation
from app.services.answers.source_analysis import SourceAnalysis
from app.services.answers.spec_generation import GenerationLimits, SpecGeneration
from app.services.answers.spec_writing import SpecWriting
from app.services.answers.specs import Specs
from app.settings import Settings


def build_specs(settings: Settings, adapters: Adapters, queue: QueueServices, intake: IntakeServices) -> Specs:
    """Build the service that submits repositories."""
    allowed = AllowedHosts.parse(settings.web_allowed_hosts)
    return Specs(adapters.database, intake.uploads, queue.admission, intake.backpressure, allowed)


def build_spec_generation(
    settings: Settings,
    adapters: Adapters,
    queue: QueueServices,
    indexing: IndexingServices,
    intake: IntakeServices,
    generation: Generation | None,
) -> SpecGeneration:
    """Build the service that describes them."""
    writing = SpecWriting(generation, adapters.chat.model) if generation and adapters.chat else None
    limits = GenerationLimits(read_archive_limits(settings), settings.large_document_chunks)
    return SpecGeneration(
        adapters.blobs,
        intake.uploads,
        queue.admission,
        indexing.ingestion,
        intake.attachments,
        SourceAnalysis(adapters.parser, settings.celery_task_soft_time_limit / 2),
        intake.files,
        writing,
        limits,
    )
