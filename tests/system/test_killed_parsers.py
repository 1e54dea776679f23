"""The system kills parsers, as the kernel does when memory runs out: documents are not at fault."""

import threading
from contextlib import suppress
from typing import Any

import psutil

from tests.running import Stack, list_family

SLOW = b"{\\rtf1 The heron stands at the weir. " + b"\\b0 " * 1_500_000 + b"}"
"""A document whose parser runs for some seconds, so that it is killed before it has finished."""


def kill_parsers(stack: Stack, ended: threading.Event) -> None:
    """Kill every parser of the workers as soon as it starts."""
    assert stack.workers
    while not ended.wait(0.01):
        for process in list_family(stack.workers.pid):
            with suppress(psutil.NoSuchProcess):
                if "app.pipeline.sandbox.child" in process.cmdline():
                    process.kill()


def test_a_document_whose_parser_is_killed_is_retried_then_fails_with_a_code_and_completes_when_replayed(
    stack: Stack,
) -> None:
    stack.environment |= {"TASK_MAX_RETRIES": "2", "TASK_RETRY_BACKOFF": "0.1"}
    stack.start_api()
    stack.start_workers("high")
    ended = threading.Event()
    killer = threading.Thread(target=kill_parsers, args=(stack, ended))
    killer.start()
    try:
        task_id = stack.upload(stack.make_agent(), "note.rtf", SLOW)["task_id"]
        [failed] = stack.finish([task_id])
    finally:
        ended.set()
        killer.join()
    assert describe(failed) == ("FAILURE", 3, 0, "parse_killed", True)
    stack.post(f"/dead-letters/{task_id}/replay")
    [replayed] = stack.finish([task_id])
    assert replayed["state"] == "SUCCESS"


def describe(task: dict[str, Any]) -> tuple[Any, ...]:
    error = task["error"]
    return task["state"], task["attempt"], task["crashes"], error["code"], error["retryable"]
