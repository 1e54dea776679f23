"""Reports errors that no code expects to Sentry: those that are logged with an exception, and dead letters (``Alarm``).

A report says where an error happened and to which task or request, by ids. The messages of exceptions, the values of
variables, the bodies of requests and the parameters of statements may hold texts of documents or secrets: they stay in
the server's log and in the ledger. What is sent is chosen, and nothing else is taken along.
"""

import asyncio
import logging
import os
import re
import sys
from typing import Any

import structlog

from app import __version__
from app.adapters.packages import optional_imports
from app.domain.errors import (
    DeliveryFailedError,
    DocumentError,
    MailRefusedError,
    MailUnavailableError,
    QuotaExceededError,
    SluiceError,
    StartupError,
)
from app.domain.tasks import Task

_FLUSH_SECONDS = 5.0
_TAGS = ("task_id", "organization_id", "agent_id", "request_id", "method", "route", "chore", "schedule")
"""The fields of a log line that a report has."""
_FRAME = re.compile(r'  File "[^"\n]+[/\\](app|site-packages)([/\\][\w./\\-]+\.py)", line (\d+), in (\w+)')
_REPORTED = "_sluice_reported"

log = structlog.get_logger()


def _make_client(dsn: str) -> Any:
    """Sentry's client, which adds nothing by itself.

    Raises:
        StartupError: the package is missing, or the address is not a Sentry DSN.
    """
    with optional_imports("SENTRY_DSN"):
        import sentry_sdk  # noqa: PLC0415 - an extra
    try:
        return sentry_sdk.Client(
            dsn=dsn,
            release=__version__,
            default_integrations=False,
            auto_enabling_integrations=False,
            send_default_pii=False,
            include_local_variables=False,
            max_request_body_size="never",
            max_breadcrumbs=0,
            before_send=_remove_texts,
        )
    except (sentry_sdk.utils.BadDsn, ValueError) as error:  # whose message may quote part of the DSN
        raise StartupError(f"SENTRY_DSN is not a valid Sentry DSN ({type(error).__name__}).") from None


def _remove_texts(event: Any, _hint: object) -> Any:
    """Remove what an exception says, which may quote a document; its type and its place stay."""
    for raised in event.get("exception", {}).get("values", ()):
        raised["value"] = ""
        for frame in (raised.get("stacktrace") or {}).get("frames", ()):
            frame.pop("vars", None)
    return event


class SentryHandler(logging.Handler):
    """A log handler that reports each unexpected error once: log lines of level ERROR that have an exception.

    An error that code expects, such as a refused request or a damaged document, is not logged in this way.
    """

    def __init__(self, dsn: str) -> None:
        super().__init__(logging.ERROR)
        self._dsn = dsn
        # A process that forks later makes a client of its own: threads do not survive a fork.
        self._client: tuple[int, Any] = os.getpid(), _make_client(dsn)

    def emit(self, record: logging.LogRecord) -> None:
        """Report a log line, unless its exception was reported before."""
        try:
            fields = record.msg if isinstance(record.msg, dict) else structlog.contextvars.get_contextvars()
            error = _find_exception(fields.get("exc_info") or record.exc_info)
            if error is None or isinstance(error, SluiceError) or getattr(error, _REPORTED, False):
                return
            setattr(error, _REPORTED, True)
            client = self._get_client()
            client.capture_event(_describe_error(record, fields, error, client.options))
        except Exception:  # noqa: BLE001 - a report must not fail the work that it is about
            self.handleError(record)

    def flush(self) -> None:
        """Wait up to five seconds until what this process has reported is sent."""
        pid, client = self._client
        if pid == os.getpid():
            client.flush(timeout=_FLUSH_SECONDS)

    def _get_client(self) -> Any:
        if self._client[0] != os.getpid():
            self._client = os.getpid(), _make_client(self._dsn)
        return self._client[1]


def _find_exception(given: Any) -> BaseException | None:
    """The exception that a log line names: itself, as a triple, or by ``True`` as the one that is being handled."""
    if given is True:
        return sys.exc_info()[1]
    if isinstance(given, BaseException):
        return given
    return given[1] if isinstance(given, tuple) else None


def _describe_error(record: logging.LogRecord, fields: Any, error: BaseException, options: Any) -> Any:
    from sentry_sdk.utils import event_from_exception  # noqa: PLC0415 - an extra

    event, _ = event_from_exception(error, client_options=options)
    # Of other packages only the name is sent: their messages are formatted already, with any value.
    name = str(fields["event"]) if isinstance(record.msg, dict) else record.name
    return {
        **event,
        "level": "error",
        "logger": record.name,
        "message": name,
        "tags": {key: str(fields[key]) for key in _TAGS if fields.get(key) is not None},
    }


class SentryAlarm:
    """Reports dead letters whose error was not expected. Sentry groups those of the same task name and error code.

    Raises:
        StartupError: the package is missing, or the address is not a Sentry DSN.
    """

    def __init__(self, dsn: str) -> None:
        self._client = _make_client(dsn)

    async def raise_for(self, task: Task) -> None:
        """Report a dead letter, and wait up to five seconds for it to be sent."""
        if (task.error or {}).get("code") not in _EXPECTED:
            await asyncio.to_thread(self._report, task)

    def _report(self, task: Task) -> None:
        try:
            self._client.capture_event(_describe(task))
            self._client.flush(timeout=_FLUSH_SECONDS)
        except Exception:
            log.exception("sentry_failed")


def _list_codes(kind: type[SluiceError]) -> set[str]:
    return {kind.code}.union(*map(_list_codes, kind.__subclasses__()))


_EXPECTED = {
    code
    for kind in (DocumentError, QuotaExceededError, DeliveryFailedError, MailRefusedError, MailUnavailableError)
    for code in _list_codes(kind)
}
"""What is wrong with a document, a page, a receiver of webhooks or a mail server, or exceeds a client's limit."""


def _describe(task: Task) -> Any:
    error = task.error or {}
    code = str(error.get("code"))
    frames = [
        f"{where}{path}:{line} in {name}" for where, path, line, name in _FRAME.findall(error.get("traceback") or "")
    ]
    return {
        "level": "error",
        "logger": "sluice.dead_letter",
        "message": f"{task.name.rsplit('.', 1)[-1]} failed for good: {code}",
        "fingerprint": [task.name, code],
        "tags": {
            "queue": task.queue,
            "task_name": task.name,
            "code": code,
            "agent_id": str(task.agent_id),
            "organization_id": str(task.organization_id),
            "task_id": str(task.id),
        },
        "extra": {
            "task_id": str(task.id),
            "document_id": task.document_id,
            "attempts": task.attempt,
            "crashes": task.crashes,
            "frames": frames,
        },
    }
