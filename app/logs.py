"""Log output: readable lines for a console, or one JSON object per line."""

import logging
import sys

import structlog

from app.settings import Settings


def configure_logs(settings: Settings, level: int | str | None = None) -> None:
    """Format the records of structlog and of the standard library alike, and write them to standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    json = settings.log_format == "json"
    renderer = (
        structlog.processors.JSONRenderer()
        if json
        # Plain tracebacks: rich ones block the event loop for seconds and print local variables, secrets included.
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    errors: list[structlog.typing.Processor] = [structlog.processors.format_exc_info] if json else []
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *errors, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=level or settings.celery_log_level, force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)
