"""Reports of unexpected errors, in every process: API, workers, their pools and supervisors, and Beat."""

import atexit
import logging

from app.adapters.sentry import SentryHandler
from app.settings import Settings, reveal


def report_errors(settings: Settings) -> None:
    """Report what is logged with an unexpected exception to Sentry, if the settings name one.

    Call it after the logs are configured. Processes that fork from this one report too.

    Raises:
        StartupError: the package is missing, or the address is not a Sentry DSN.
    """
    dsn = reveal(settings.sentry_dsn)
    if dsn and not any(isinstance(handler, SentryHandler) for handler in logging.root.handlers):
        logging.root.addHandler(SentryHandler(dsn))
        atexit.register(send_reports)  # Beat has no other hook at its end


def send_reports() -> None:
    """Wait some seconds at most until the errors that this process has reported are sent: it is about to end."""
    for handler in logging.root.handlers:
        if isinstance(handler, SentryHandler):
            handler.flush()
