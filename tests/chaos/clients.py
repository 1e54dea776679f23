"""Clients that upload and retry, and record the answers they got."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx

from app.domain.states import State
from tests.chaos.pulse import Pulse

_TRY_AGAIN = {httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.TOO_MANY_REQUESTS}
_PAUSE_SECONDS = 0.2
_CANCELLED = 0.03
_REPLAYED = 0.03
_CANCEL_STEPS = 45
_REPLAY_STEPS = 60
_WORDS = ("sluice", "gate", "lock", "weir", "pound", "culvert", "paddle", "towpath", "heron", "barge")
# Most documents are short; some keep their process busy for a while.
_SENTENCES = ((90, 5, 40), (9, 100, 400), (1, 1_500, 4_000))
_PRIORITIES = ("high",) * 8 + ("medium", "low")


@dataclass(slots=True)
class Promise:
    """An upload that was answered with 202, and the states in which its task may end after the later requests."""

    filename: str
    task_id: str
    document_id: int
    may_end: set[State]


@dataclass(slots=True)
class Book:
    """The record that all clients share.

    ``doubtful`` holds the filenames of uploads whose answer was lost; ``surprises`` the answers that must not occur.
    """

    promises: list[Promise] = field(default_factory=list)
    doubtful: set[str] = field(default_factory=set)
    surprises: list[str] = field(default_factory=list)


class Client:
    """One of several clients that share a book; ``run`` it in a thread."""

    def __init__(self, http: httpx.Client, pulse: Pulse, book: Book, agents: list[int], random: Random) -> None:
        self._http = http
        self._pulse = pulse
        self._book = book
        self._agents = agents
        self._random = random
        self._agenda: list[
            tuple[int, bool, Promise]
        ] = []  # the upload at which it is due, whether to cancel or replay, the task

    def run(self, numbers: Iterable[int]) -> None:
        """Upload a document for each number, and cancel and replay some; returns early when the run is over."""
        step = 0
        for step, number in enumerate(numbers):
            if not self._pulse.wait(lambda: len(self._book.promises) < self._pulse.wanted):
                return
            if promise := self._upload(number):
                self._book.promises.append(promise)
                self._plan(step, promise)
            self._do_what_is_due(step)
        self._do_what_is_due(step + _CANCEL_STEPS + _REPLAY_STEPS)

    def _upload(self, number: int) -> Promise | None:
        """Upload until the API accepts it. Each try has its own filename, so that the audit can tell them apart."""
        agent, priority = self._random.choice(self._agents), self._random.choice(_PRIORITIES)
        sentences = self._choose_length()
        tries = 0
        while not self._pulse.is_over.is_set():
            tries += 1
            filename = f"{number}-{tries}.txt"
            answer = self._ask(
                "POST",
                f"/documents/agent/{agent}/upload",
                files={"file": (filename, make_text(filename, sentences))},
                data={"priority": priority},
            )
            if answer is not None and answer.is_success:
                body = answer.json()
                return Promise(filename, body["task_id"], body["document_id"], {State.SUCCESS})
            self._book.doubtful.add(filename)
        return None

    def _choose_length(self) -> int:
        weights = [weight for weight, _, _ in _SENTENCES]
        [(_, least, most)] = self._random.choices(_SENTENCES, weights)
        return self._random.randint(least, most)

    def _plan(self, step: int, promise: Promise) -> None:
        fate = self._random.random()
        due = step + self._random.randrange(_CANCEL_STEPS)
        if fate < _CANCELLED:
            self._agenda.append((due, True, promise))
        # A third of those that were cancelled are replayed too.
        if _CANCELLED * 2 / 3 < fate < _CANCELLED + _REPLAYED:
            self._agenda.append((due + _REPLAY_STEPS, False, promise))

    def _do_what_is_due(self, step: int) -> None:
        due = sorted((entry for entry in self._agenda if entry[0] <= step), key=lambda entry: entry[0])
        self._agenda = [entry for entry in self._agenda if entry[0] > step]
        for _, cancels, promise in due:
            (self._cancel if cancels else self._replay)(promise)

    def _cancel(self, promise: Promise) -> None:
        while not self._pulse.is_over.is_set():
            answer = self._ask("DELETE", f"/tasks/{promise.task_id}")
            if answer is None:
                promise.may_end.add(State.REVOKED)
                continue
            if answer.is_success:
                promise.may_end = {State.REVOKED}
            return

    def _replay(self, promise: Promise) -> None:
        """Replay the task; the API refuses that while the task has not finished."""
        while not self._pulse.is_over.is_set():
            answer = self._ask("POST", f"/tasks/{promise.task_id}/retry")
            if answer is None:
                promise.may_end.add(State.SUCCESS)
            elif answer.is_success:
                promise.may_end = {State.SUCCESS}
                return
            else:
                self._ask("GET", f"/tasks/{promise.task_id}", params={"wait": 2})

    def _ask(self, method: str, path: str, **content: Any) -> httpx.Response | None:
        """The answer; None, after a pause, when the request may or may not have taken effect."""
        try:
            answer = self._http.request(method, path, **content)
        except httpx.TransportError:
            self._pulse.is_over.wait(_PAUSE_SECONDS)
            return None
        if answer.is_success or answer.status_code == httpx.codes.CONFLICT:
            return answer
        if answer.status_code not in _TRY_AGAIN:
            self._book.surprises.append(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        self._pulse.is_over.wait(_PAUSE_SECONDS)
        return None


def make_text(filename: str, sentences: int) -> bytes:
    """A unique document: each sentence contains a word that no other document has."""
    word = make_word(filename)
    return " ".join(
        f"The {_WORDS[i % len(_WORDS)]} of {word} is told of in sentence {i}, after which it rests."
        for i in range(sentences)
    ).encode()


def make_word(filename: str) -> str:
    """The word that only the document of this name holds."""
    return "doc" + filename.removesuffix(".txt").replace("-", "x")


def spread(count: int, clients: int) -> list[range]:
    """The numbers up to ``count``, dealt out to the clients."""
    return [range(client, count, clients) for client in range(clients)]
