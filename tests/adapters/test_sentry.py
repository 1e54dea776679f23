"""Dead letters that the real Sentry client reports to a server for tests."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest

from app.adapters.sentry import SentryAlarm
from app.domain.errors import StartupError
from app.domain.ids import new_task_id
from app.domain.states import State
from app.domain.tasks import Queue, Task, TaskName


class SentryServer:
    """Accepts envelopes as Sentry does; ``events`` holds the received events."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        events = self.events

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                # The client compresses with Brotli if that is installed; httpx then decompresses it.
                headers = {"Content-Encoding": self.headers.get("Content-Encoding", "identity")}
                lines = httpx.Response(200, headers=headers, content=body).content.splitlines()
                events.extend(
                    json.loads(payload)
                    for header, payload in zip(lines[1::2], lines[2::2], strict=False)
                    if json.loads(header)["type"] == "event"
                )
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: Any) -> None:
                """Write no access log."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    @property
    def dsn(self) -> str:
        """The DSN."""
        return f"http://key@127.0.0.1:{self._server.server_port}/1"

    def close(self) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def sentry() -> Iterator[SentryServer]:
    """A Sentry on loopback."""
    server = SentryServer()
    yield server
    server.close()


def make_dead_letter() -> Task:
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
        arguments={},
        metadata={},
        attempt=3,
        retries=0,
        crashes=3,
        epoch=6,
        version=9,
        worker_id=None,
        pid=None,
        current=20,
        stage="parse",
        status="The process died each time",
        stages=[],
        chunk_count=None,
        result=None,
        error={"code": "task_crashed", "message": "It died.", "retryable": False, "traceback": None},
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
    assert event["message"] == "process_document failed for good: It died."
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
