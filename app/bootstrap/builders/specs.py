"""Builds the services of ``app.services.specs``."""

from dataclasses import dataclass

from app.bootstrap.adapters import Adapters
from app.bootstrap.builders.answers import AnswerServices
from app.bootstrap.builders.indexing import IndexingServices
from app.bootstrap.builders.intake import IntakeServices, read_archive_limits
from app.bootstrap.builders.queue import QueueServices
from app.domain.addresses import AllowedHosts
from app.services.answers.generation import Generation
from app.services.specs.generation import SpecGeneration
from app.services.specs.source_analysis import SourceAnalysis
from app.services.specs.source_archives import SourceArchives
from app.services.specs.specs import Specs
from app.services.specs.writing import SpecWriting
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class SpecServices:
    """``app.services.specs``."""

    specs: Specs
    generation: SpecGeneration


def build_specs(
    settings: Settings,
    adapters: Adapters,
    queue: QueueServices,
    indexing: IndexingServices,
    intake: IntakeServices,
    answers: AnswerServices,
) -> SpecServices:
    """Build the services that accept repositories and describe them."""
    allowed = AllowedHosts.parse(settings.web_allowed_hosts)
    specs = Specs(adapters.database, intake.uploads, queue.admission, intake.backpressure, allowed)
    return SpecServices(specs, _build_generation(settings, adapters, queue, indexing, intake, answers.generation))


def _build_generation(
    settings: Settings,
    adapters: Adapters,
    queue: QueueServices,
    indexing: IndexingServices,
    intake: IntakeServices,
    generation: Generation | None,
) -> SpecGeneration:
    writing = SpecWriting(generation, adapters.chat.model) if generation and adapters.chat else None
    archives = SourceArchives(
        adapters.blobs, intake.uploads, queue.admission, intake.files, adapters.parser, read_archive_limits(settings)
    )
    return SpecGeneration(
        adapters.database,
        adapters.blobs,
        intake.uploads,
        queue.after_commit,
        indexing.ingestion,
        intake.attachments,
        archives,
        SourceAnalysis(adapters.parser, settings.celery_task_soft_time_limit / 2),
        writing,
        settings.large_document_chunks,
    )
