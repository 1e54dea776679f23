"""What Celery's own tools show: events, as Flower receives them, and ``inspect``."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import Celery
from celery.events.state import State

from app.celery_app import create_celery
from tests.deadlines import wait_for
from tests.flows.zips import make_zip
from tests.running import Stack
from tests.system.test_brokers import inspect
from tests.system.test_killed_processes import make_text


@contextmanager
def receive_events(stack: Stack, workers: int) -> Iterator[tuple[Any, list[dict[str, Any]]]]:
    """Receive events as Flower does; yields the state that it shows, and the events so far."""
    celery = create_celery(stack.settings)
    state: Any = State()
    events: list[dict[str, Any]] = []

    def handle(event: dict[str, Any]) -> None:
        events.append(event)
        state.event(event)

    with celery.connection_for_read() as connection:
        receiver = celery.events.Receiver(connection, handlers={"*": handle})
        thread = threading.Thread(target=lambda: receiver.capture(wakeup=False))
        thread.start()
        try:
            wait_for(lambda: len(state.workers) == workers, "events of every worker")
            # A worker that starts sends its first events before it receives remote control commands.
            wait_for(lambda: len(enable_events(celery)) == workers, "every worker to turn on task events")
            yield state, events
        finally:
            receiver.should_stop = True
            thread.join()


def enable_events(celery: Celery) -> list[Any]:
    """Have the workers send task events; returns their replies."""
    return celery.control.enable_events(reply=True) or []


def shows_progress(stack: Stack, agent: int, events: list[dict[str, Any]]) -> bool:
    """Upload a document, and return whether its progress was received."""
    upload = stack.upload(agent, "report.txt", make_text(len(events)))
    stack.finish([upload["task_id"]])
    return any(event["type"] == "task-progress" and event["uuid"] == upload["task_id"] for event in events)


def test_flower_shows_files_progress_and_every_end(stack: Stack) -> None:
    stack.start_api()
    stack.start_workers("high", "low")
    agent = stack.make_agent()
    with receive_events(stack, workers=2) as (state, events):
        wait_for(lambda: shows_progress(stack, agent, events), "the progress of a document")
        damaged = stack.upload(agent, "damaged.pdf", b"%PDF-1.4 nothing")["task_id"]
        archive = stack.upload(agent, "all.zip", make_zip({"a.txt": make_text(7), "b.txt": make_text(8)}))["task_id"]
        stack.finish([damaged, archive])
        wait_for(lambda: ends(state) >= {(damaged, "FAILURE"), (archive, "SUCCESS")}, "both ends to be shown")
        shown = state.tasks[damaged]
        document = stack.get(f"/tasks/{damaged}")["document_id"]
        assert shown.args == "('damaged.pdf',)"
        assert shown.kwargs == f"{{'document_id': {document}, 'agent_id': {agent}}}"
        assert shown.exception.startswith("document_damaged: ")
        progress = [event["result"] for event in events if event["type"] == "task-progress"]
        assert all("% · " in text for text in progress)
        assert {event["hostname"].partition("@")[0] for event in events if "uuid" in event} == {"high", "low"}


def ends(state: Any) -> set[tuple[str, str]]:
    return {(task_id, task.state) for task_id, task in state.tasks.items()}


def test_inspect_shows_what_each_worker_runs(stack: Stack) -> None:
    stack.environment["WORKER_CONCURRENCY_HIGH"] = "1"
    stack.start_api()
    stack.start_workers("high")
    long = b"{\\rtf1 The heron stands at the weir. " + b"\\b0 " * 8_000_000 + b"}"  # ten seconds of work
    stack.upload(stack.make_agent(), "long.rtf", long)
    wait_for(lambda: "long.rtf" in inspect(stack, "active"), "the running task to be shown")


def test_flower_shows_the_tasks_that_a_slot_runs_without_a_message(stack: Stack) -> None:
    stack.environment["WORKER_CONCURRENCY_HIGH"] = "1"
    stack.start_api()
    stack.start_workers("high")
    agent = stack.make_agent()
    with receive_events(stack, workers=1) as (state, events):
        wait_for(lambda: shows_continued(stack, agent, state, len(events)), "a task without a message to be shown")


def shows_continued(stack: Stack, agent: int, state: Any, number: int) -> bool:
    """Upload some documents, and return whether one that had no message is shown from its start to its end."""
    stack.finish([stack.upload(agent, f"{n}.txt", make_text(10 * number + n))["task_id"] for n in range(6)])
    without = [row["id"] for row in stack.fetch("SELECT id::text FROM tasks WHERE rings = 0 AND state = 'SUCCESS'")]
    shown = [state.tasks[task_id] for task_id in without if task_id in state.tasks]
    return any(
        task.state == "SUCCESS" and task.started and task.args.endswith(".txt',)") and "process_document" in task.name
        for task in shown
    )
