"""Clients that upload hostile files, one at a time and in batches, and record the answers."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

import httpx

from tests.fuzz.case import Case
from tests.running import Stack

_CLIENTS = 3
_GROUP = 12
_BATCH_EVERY = 3  # the third group of each three goes as a batch
_PULSE_SECONDS = 0.2
_ANSWER_SECONDS = 60.0

Group = list[tuple[int, Case]]


@dataclass(frozen=True, slots=True)
class Answer:
    """The API's answer for a file: its task, or the status and code of the refusal."""

    case: Case
    task_id: str | None
    status: int
    code: str | None


def send_all(stack: Stack, agent: int, cases: Sequence[Case]) -> list[Answer]:
    """Upload every file; the answers, in any order."""
    groups = list(_group(cases))
    with ThreadPoolExecutor(_CLIENTS) as pool:
        answers = pool.map(lambda numbered: _send_group(stack.client, agent, *numbered), enumerate(groups))
        return [answer for group in answers for answer in group]


def _group(cases: Sequence[Case]) -> Iterator[Group]:
    numbered = list(enumerate(cases))
    return (numbered[start : start + _GROUP] for start in range(0, len(numbered), _GROUP))


def _send_group(client: httpx.Client, agent: int, number: int, group: Group) -> list[Answer]:
    if number % _BATCH_EVERY == _BATCH_EVERY - 1:
        return _send_batch(client, agent, group)
    return [_send_one(client, agent, number, case) for number, case in group]


def _send_one(client: httpx.Client, agent: int, number: int, case: Case) -> Answer:
    file = {"file": (_name(number, case), case.data)}
    body, status = _post(client, f"/documents/agent/{agent}/upload", file)
    return Answer(case, body.get("task_id"), status, body.get("code"))


def _send_batch(client: httpx.Client, agent: int, group: Group) -> list[Answer]:
    """Upload a batch; if the API refuses it because of one file, upload the files one by one."""
    files = [("files", (_name(number, case), case.data)) for number, case in group]
    body, status = _post(client, f"/documents/agent/{agent}/batch", files)
    if status != httpx.codes.ACCEPTED:
        refused = [Answer(Case("batch", "batch", b""), None, status, body.get("code"))]
        return refused + [_send_one(client, agent, number, case) for number, case in group]
    cases = {_name(number, case): case for number, case in group}
    return [Answer(cases[file["filename"]], file["task_id"], status, None) for file in body["files"]]


def _post(client: httpx.Client, path: str, files: Any) -> tuple[dict[str, Any], int]:
    """The answer's body and status; status 0 where no answer came."""
    try:
        response = client.post(path, files=files, timeout=_ANSWER_SECONDS)
        body: dict[str, Any] = response.json()
    except (httpx.TransportError, ValueError) as error:
        return {"code": f"{type(error).__name__}: {error}"}, 0
    return body, response.status_code


def _name(number: int, case: Case) -> str:
    return f"{number:05}.{case.form}"


class Pulse:
    """Sends a small request again and again. ``slowest`` is the longest time to an answer, in seconds."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.slowest = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._over.wait(_PULSE_SECONDS):
            began = time.monotonic()
            try:
                self._stack.client.get("/agents", params={"limit": 1}, timeout=_ANSWER_SECONDS)
            finally:
                self.slowest = max(self.slowest, time.monotonic() - began)
