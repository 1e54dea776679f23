"""Log lines: readable on a console, or one JSON object each."""

import logging
import sys

import structlog

from app.settings import Settings


def configure_logs(settings: Settings, level: int | str | None = None) -> None:
    """Send structlog's and the standard library's records through one formatter to standard error."""
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
        # Plain tracebacks: rich ones take seconds of the event loop, and print the secrets among the local variables.
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
