"""Dead letters that the real Sentry client reports to a server for tests."""

import logging
import os
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import structlog
from sqlalchemy.exc import DBAPIError

from app.adapters.sentry import SentryAlarm, SentryHandler
from app.domain.errors import DocumentDamagedError, NotFoundError, StartupError
from app.domain.ids import new_task_id
from app.domain.states import State
from app.domain.tasks import Queue, Task, TaskName
from app.logs import configure_logs
from app.settings import load_settings
from tests.adapters.sentry_server import SentryServer

CANARY = "canary-4c1d"


@pytest.fixture
def sentry() -> Iterator[SentryServer]:
    """A Sentry on loopback."""
    server = SentryServer()
    yield server
    server.close()


def make_dead_letter(**error: object) -> Task:
    """A task that failed for good."""
    now = datetime.now(UTC)
    return Task(
        id=new_task_id(),
        organization_id=1,
        agent_id=7,
        document_id=3,
        parent_id=None,
        name=TaskName.PROCESS_DOCUMENT,
        queue=Queue.HIGH,
        state=State.FAILURE,
        arguments={"question": CANARY},
        metadata={"filename": CANARY},
        attempt=3,
        retries=0,
        crashes=3,
        epoch=6,
        version=9,
        worker_id=None,
        pid=None,
        current=20,
        stage="parse",
        status=f"Reading {CANARY}",
        stages=[],
        chunk_count=None,
        result=None,
        error={"code": "task_crashed", "message": "It died.", "retryable": False, "traceback": None, **error},
        created_at=now,
        available_at=now,
        queued_at=now,
        started_at=now,
        completed_at=now,
        cancel_requested_at=None,
        dead_lettered_at=now,
        announced_at=None,
        history=[],
    )


async def test_a_dead_letter_is_an_event_that_says_which_and_why(sentry: SentryServer) -> None:
    task = make_dead_letter()
    await SentryAlarm(sentry.dsn).raise_for(task)
    [event] = sentry.events
    assert event["message"] == "process_document failed for good: task_crashed"
    assert event["fingerprint"] == [TaskName.PROCESS_DOCUMENT, "task_crashed"]
    assert event["tags"]["queue"] == "high_priority"
    assert (event["extra"]["task_id"], event["extra"]["crashes"]) == (str(task.id), 3)


async def test_a_sentry_that_is_away_costs_the_alarm_and_nothing_else(sentry: SentryServer) -> None:
    away = SentryAlarm(sentry.dsn)
    sentry.close()
    await away.raise_for(make_dead_letter())
    assert sentry.events == []


def test_an_address_that_is_none_stops_the_start_with_a_line_that_names_it() -> None:
    with pytest.raises(StartupError, match="SENTRY_DSN"):
        SentryAlarm("not an address")


def fail_with_secrets(api_key: str) -> None:
    """Fail as a statement does whose parameters are texts of a document."""
    password = api_key * 2  # a local variable of the frame
    try:
        int(password)
    except ValueError as error:
        raise DBAPIError(f"INSERT INTO chunks VALUES ($1) -- {CANARY}", {"text": CANARY}, error) from error


@pytest.fixture
def logged(sentry: SentryServer) -> Iterator[SentryHandler]:
    """The logs as a process of Sluice configures them, with reports of errors."""
    former, level = logging.root.handlers[:], logging.root.level
    configure_logs(load_settings(), "INFO")
    handler = SentryHandler(sentry.dsn)
    logging.root.addHandler(handler)
    yield handler
    logging.root.handlers[:] = former
    logging.root.setLevel(level)
    structlog.reset_defaults()


def test_an_unexpected_error_is_reported_once_without_texts_or_secrets(
    sentry: SentryServer, logged: SentryHandler
) -> None:
    with structlog.contextvars.bound_contextvars(task_id="0199", agent_id=7, secret=CANARY):
        try:
            fail_with_secrets(CANARY)
        except DBAPIError as error:
            structlog.get_logger("app.tests").exception("chore_failed", chore="files", filename=CANARY, body=CANARY)
            logging.getLogger("uvicorn.error").exception("Exception in %s", CANARY, exc_info=error)  # the same again
    logged.flush()
    [event] = sentry.events
    assert event["message"] == "chore_failed"
    assert event["tags"] == {"task_id": "0199", "agent_id": "7", "chore": "files"}
    types = [raised["type"] for raised in event["exception"]["values"]]
    assert types == ["ValueError", "DBAPIError"]
    functions = {frame["function"] for one in event["exception"]["values"] for frame in one["stacktrace"]["frames"]}
    assert "fail_with_secrets" in functions
    # The lines of code that Sentry shows are those of this test, which name the constant but not its value.
    assert CANARY.encode() not in sentry.received.replace(b'CANARY = "canary-4c1d"', b"")


def test_an_error_that_another_package_logs_is_reported_without_its_message(
    sentry: SentryServer, logged: SentryHandler
) -> None:
    try:
        int(CANARY)
    except ValueError:
        logging.getLogger("celery.worker").exception("Task %s raised unexpected: %s", CANARY, CANARY)
    logging.getLogger("asyncio").error("Task exception was never retrieved: %s", CANARY)
    logged.flush()
    [event] = sentry.events
    assert (event["message"], event["logger"]) == ("celery.worker", "celery.worker")
    assert CANARY not in str(event["exception"]["values"][0]["value"])


@pytest.mark.parametrize("error", [NotFoundError("no"), DocumentDamagedError("no")])
def test_an_error_that_the_code_expects_is_not_reported(
    sentry: SentryServer, logged: SentryHandler, error: Exception
) -> None:
    try:
        raise error
    except type(error):
        structlog.get_logger("app.tests").exception("refused")
    structlog.get_logger("app.tests").error("storage_full", where=CANARY)
    logged.flush()
    assert sentry.events == []


def test_a_process_that_was_forked_reports_its_errors_before_it_ends(
    sentry: SentryServer, logged: SentryHandler
) -> None:
    child = os.fork()
    if child == 0:
        try:
            try:
                int(CANARY)
            except ValueError:
                structlog.get_logger("app.tests").exception("supervision_failed")
            logged.flush()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert [event["message"] for event in sentry.events] == ["supervision_failed"]


async def test_a_dead_letter_is_reported_without_texts_and_an_expected_one_is_not(sentry: SentryServer) -> None:
    trace = (
        'Traceback (most recent call last):\n  File "/srv/app/pipeline/chunking/chunk.py", line 12, in cut\n'
        f"    text = text[start:]\nValueError: {CANARY}\n"
    )
    alarm = SentryAlarm(sentry.dsn)
    await alarm.raise_for(make_dead_letter(code="internal_error", message=f"ValueError: {CANARY}", traceback=trace))
    for code in ("document_damaged", "quota_exceeded", "delivery_failed", "mail_refused", "mail_unavailable"):
        await alarm.raise_for(make_dead_letter(code=code, message=CANARY))
    [event] = sentry.events
    assert event["extra"]["frames"] == ["app/pipeline/chunking/chunk.py:12 in cut"]
    assert event["tags"]["organization_id"] == "1"
    assert CANARY.encode() not in sentry.received
