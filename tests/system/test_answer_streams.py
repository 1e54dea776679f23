"""Answers of a language model stream: resumed without loss, written anew after a kill, ended by a cancel."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from app.settings import Settings
from tests.adapters.openai_protocol import Reply, stream
from tests.adapters.openai_server import KEY as OPENAI_KEY
from tests.adapters.openai_server import OpenAIServer, run_openai
from tests.deadlines import deadline, wait_for
from tests.running import Stack

GATE = b"The Alder Gate was built in 1911. It takes barges of up to 2.4 metres of draught. It shuts at dusk."
QUESTION = {"question": "What is known about the Alder Gate?"}
FIRST, SECOND, THIRD = (
    "The gate was built in 1911 [1].",
    " It shuts at dusk [1].",
    " It takes barges of 2.4 metres [1].",
)
ANSWER = FIRST + SECOND + THIRD


class Gate:
    """An answer whose rest arrives once the test opens it."""

    def __init__(self) -> None:
        self.opened = threading.Event()

    def reply(self, *before: str, after: str = "") -> Reply:
        """A stream of these texts, then of the rest."""

        def pieces() -> Iterator[str]:
            yield from before
            self.opened.wait(deadline(60))
            yield after

        return stream(pieces())


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with run_openai() as running:
        yield running


@pytest.fixture
def stack(settings: Settings, server: OpenAIServer) -> Iterator[Stack]:
    """A running stack with a language model."""
    with Stack(settings) as made:
        made.environment |= {
            "OPENAI_API_KEY": OPENAI_KEY,
            "OPENAI_BASE_URL": server.url,
            "OPENAI_CHAT_MODEL": "gpt-4o-mini",
            "WORKER_LEASE_SECONDS": "2",
        }
        made.start_api()
        made.start_workers("high")
        yield made


@pytest.fixture
def agent(stack: Stack) -> int:
    """An agent with a document on a gate."""
    agent = stack.make_agent()
    stack.finish([stack.upload(agent, "gate.txt", GATE, priority="high")["task_id"]])
    return agent


def read_events(response: httpx.Response) -> Iterator[dict[str, Any]]:
    """The events of a stream, each as ``{event, id, data}``."""
    event: dict[str, Any] = {}
    for line in response.iter_lines():
        name, _, value = line.partition(": ")
        if line:
            event[name] = json.loads(value) if name == "data" else value
        elif "data" in event:
            yield event
            event = {}


@contextmanager
def follow(stack: Stack, task_id: str, last: str = "") -> Iterator[Iterator[dict[str, Any]]]:
    """The events of a task, after the one with the id ``last``."""
    headers = {"Last-Event-ID": last} if last else {}
    with stack.client.stream("GET", f"/tasks/{task_id}/events", headers=headers) as response:
        yield read_events(response)


def skip_to(events: Iterator[dict[str, Any]], name: str) -> dict[str, Any]:
    """The next event of this name."""
    return next(event for event in events if event["event"] == name)


def list_texts(events: list[dict[str, Any]]) -> list[str]:
    return [event["data"]["text"] for event in events if event["event"] == "sentence"]


def test_a_question_is_answered_by_a_stream_of_sentences_on_request(
    stack: Stack, server: OpenAIServer, agent: int
) -> None:
    gate = Gate()
    server.answers.append(gate.reply(FIRST, " It sh", after=ANSWER.removeprefix(FIRST).removeprefix(" It sh")))
    headers = {"Accept": "text/event-stream"}
    with stack.client.stream("POST", f"/agents/{agent}/ask", json=QUESTION, headers=headers) as response:
        assert (response.status_code, response.headers["content-type"].split(";")[0]) == (200, "text/event-stream")
        task_id = response.headers["location"].rsplit("/", 1)[-1]
        events = read_events(response)
        first = skip_to(events, "sentence")
        assert first["data"]["text"] == FIRST
        [citation] = first["data"]["citations"]
        assert (citation["number"], citation["quote"]) == (1, "The Alder Gate was built in 1911.")
        assert stack.get(f"/tasks/{task_id}")["state"] == "PROGRESS", "it arrives while the answer is written"
        gate.opened.set()
        rest = list(events)
    assert list_texts([first, *rest]) == [FIRST, SECOND, THIRD]
    end = rest[-1]
    assert (end["event"], end["data"]["result"]["answer"]) == ("end", ANSWER)
    ids = [int(event["id"]) for event in [first, *rest]]
    assert ids == sorted(set(ids)), "each event has an id of its own"


def test_a_stream_resumes_after_any_event_without_loss_or_repetition(
    stack: Stack, server: OpenAIServer, agent: int
) -> None:
    server.answers.append(stream(ANSWER.split("|")))
    task_id = stack.post(f"/agents/{agent}/ask", QUESTION)["task_id"]
    stack.finish([task_id])
    with follow(stack, task_id) as events:
        known = list(events)
    assert list_texts(known) == [FIRST, SECOND, THIRD]
    for number, event in enumerate(known[:-1]):
        with follow(stack, task_id, event["id"]) as events:
            assert list(events) == known[number + 1 :]


def test_a_worker_killed_amid_an_answer_costs_an_attempt_and_clients_are_asked_to_discard_its_sentences(
    stack: Stack, server: OpenAIServer, agent: int
) -> None:
    server.answers.append(Gate().reply(FIRST, SECOND, " It"))
    server.answers.append(stream([SECOND.strip(), " " + FIRST]))
    task_id = stack.post(f"/agents/{agent}/ask", QUESTION)["task_id"]
    with follow(stack, task_id) as events:
        seen = skip_to(events, "sentence")
        assert seen["data"]["attempt"] == 1
        stack.kill_workers()
        stack.start_workers("high")
        rest = list(events)
    names = [event["event"] for event in rest]
    after = rest[names.index("restart") :]
    assert after[0]["data"]["attempt"] == 2
    assert {event["data"]["attempt"] for event in after if event["event"] == "sentence"} == {2}
    assert "".join(list_texts(after)) == after[-1]["data"]["result"]["answer"] == SECOND.strip() + " " + FIRST
    assert (after[-1]["data"]["attempt"], after[-1]["data"]["crashes"]) == (2, 1)
    with follow(stack, task_id, seen["id"]) as events:
        assert [event for event in events if event["event"] != "progress"] == [
            event for event in after if event["event"] != "progress"
        ]
    with follow(stack, task_id) as events:
        assert {event["data"]["attempt"] for event in events if event["event"] == "sentence"} == {2}


def test_a_cancel_ends_the_stream_and_what_was_written_is_counted(
    stack: Stack, server: OpenAIServer, agent: int
) -> None:
    gate = Gate()
    server.answers.append(gate.reply(FIRST, SECOND, " It"))
    task_id = stack.post(f"/agents/{agent}/ask", QUESTION)["task_id"]
    with follow(stack, task_id) as events:
        skip_to(events, "sentence")
        stack.delete(f"/tasks/{task_id}")
        end = list(events)[-1]
    gate.opened.set()
    assert (end["event"], end["data"]["state"]) == ("end", "REVOKED")
    usage = "SELECT requests, input_tokens, output_tokens FROM provider_usage WHERE provider = 'openai-chat'"
    [row] = wait_for(lambda: stack.fetch(usage), "the usage to be counted")
    assert row["requests"] == 1
    assert row["input_tokens"] > row["output_tokens"] > 0


def test_an_answer_made_of_quotes_streams_too(stack: Stack, agent: int, server: OpenAIServer) -> None:
    stack.stop(stack.workers)
    stack.environment["OPENAI_CHAT_MODEL"] = ""
    stack.start_workers("high")
    task_id = stack.post(f"/agents/{agent}/ask", {"question": "When was the Alder Gate built?"})["task_id"]
    with follow(stack, task_id) as events:
        known = list(events)
    result = known[-1]["data"]["result"]
    assert (result["mode"], result["answered"]) == ("extractive", True)
    assert "".join(list_texts(known)) == result["answer"]
    assert server.requests == []
