"""Many clients at once: one document for the same bytes, and one for the same name where uploads replace it."""

import os
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from typing import Any

import httpx
import pytest

from tests.deadlines import wait_for
from tests.flows.site import html, serve
from tests.flows.zips import make_zip
from tests.running import Stack

NAMES = ("plan.txt", "map.txt")
CONTENTS = tuple(f"The heron of the {word} weir.".encode() for word in ("first", "second", "third", "fourth"))
MODES = ("skip", "replace", "reject")
Send = Callable[[Stack, int, random.Random, str], httpx.Response]


def upload(stack: Stack, agent: int, dice: random.Random, mode: str) -> httpx.Response:
    file = {"file": (dice.choice(NAMES), dice.choice(CONTENTS))}
    return stack.client.post(f"/documents/agent/{agent}/upload", files=file, data={"on_duplicate": mode})


def upload_to_collection(stack: Stack, agent: int, dice: random.Random, mode: str) -> httpx.Response:
    data = {"on_duplicate": mode, "collection": stack.get(f"/agents/{agent}")["slug"]}
    file = {"file": (dice.choice(NAMES), dice.choice(CONTENTS))}
    return stack.client.post("/documents/upload", files=file, data=data)


def upload_batch(stack: Stack, agent: int, dice: random.Random, mode: str) -> httpx.Response:
    files = [("files", (dice.choice(NAMES), content)) for content in dice.sample(CONTENTS, 3)]
    return stack.client.post(f"/documents/agent/{agent}/batch", files=files, data={"on_duplicate": mode})


def upload_archive(stack: Stack, agent: int, dice: random.Random, mode: str) -> httpx.Response:
    archive = make_zip(dict(zip(NAMES, dice.sample(CONTENTS, 2), strict=True)))
    file = {"file": (f"{dice.random()}.zip", archive)}
    return stack.client.post(f"/documents/agent/{agent}/upload", files=file, data={"on_duplicate": mode})


def send_all(requests: list[Callable[[], httpx.Response]]) -> Counter[str]:
    """Send all requests at once, as twenty clients; returns how often each status and code was answered."""
    with ThreadPoolExecutor(20) as clients:
        responses = list(clients.map(lambda send: send(), requests))
    return Counter(f"{answer.status_code} {answer.json().get('code', '')}".strip() for answer in responses)


def finish_all(stack: Stack, agent: int) -> list[dict[str, Any]]:
    """Wait until no task of the agent is unfinished; returns its completed documents."""
    unfinished = "SELECT FROM tasks WHERE agent_id = $1 AND completed_at IS NULL"
    wait_for(lambda: not stack.fetch(unfinished, agent), "every task to end", 120)
    documents: list[dict[str, Any]] = stack.get("/documents", agent_id=agent)["documents"]
    return [document for document in documents if document["status"] == "completed"]


def find_repeated(documents: list[dict[str, Any]], field: str) -> list[str]:
    counts = Counter(document[field] for document in documents)
    return [value for value, count in counts.items() if count > 1]


NAMED = """
    SELECT blob_key FROM documents UNION SELECT arguments #>> '{content,blob_key}' FROM tasks
    UNION SELECT key FROM discarded_files
"""


def list_unnamed_files(stack: Stack) -> list[str]:
    """The stored files that no document and no task has, and that are not recorded for deletion."""
    blobs = stack.settings.data_dir / "blobs"
    files = {str(path.relative_to(blobs)) for path in blobs.rglob("*") if path.is_file()}
    return sorted(files - {row[0] for row in stack.fetch(NAMED)})


@pytest.mark.parametrize("contents", [CONTENTS[:1], CONTENTS], ids=["same bytes", "other bytes"])
def test_twenty_clients_that_replace_one_name_leave_one_document(
    shared_stack: Stack, agent: int, contents: tuple[bytes, ...]
) -> None:
    def replace(number: int) -> httpx.Response:
        file = {"file": ("plan.txt", contents[number % len(contents)])}
        return shared_stack.client.post(
            f"/documents/agent/{agent}/upload", files=file, data={"on_duplicate": "replace"}
        )

    answers = send_all([lambda number=number: replace(number) for number in range(60)])  # type: ignore[misc]
    assert answers == {"202": 60}
    assert [document["filename"] for document in finish_all(shared_stack, agent)] == ["plan.txt"]


@pytest.mark.parametrize("seed", range(3))
def test_clients_of_all_kinds_and_modes_never_store_the_same_bytes_twice(
    shared_stack: Stack, agent: int, seed: int
) -> None:
    dice = random.Random(seed)  # noqa: S311 - a plan that can be repeated
    kinds: list[Send] = [upload, upload, upload_to_collection, upload_batch, upload_archive]

    def plan(send: Send, mode: str, own: random.Random) -> Callable[[], httpx.Response]:
        return lambda: send(shared_stack, agent, own, mode)

    own = [random.Random(f"{seed} {number}") for number in range(60)]  # noqa: S311 - as above
    requests = [plan(dice.choice(kinds), dice.choice(MODES), one) for one in own]
    answers = send_all(requests)
    assert set(answers) <= {"202", "409 duplicate_document"}
    documents = [one for one in finish_all(shared_stack, agent) if one["media_type"] != "application/zip"]
    assert find_repeated(documents, "sha256") == []
    # An attempt that lost its lease, on a busy machine, may leave files. Upkeep deletes them once they are a day old.
    for unnamed in list_unnamed_files(shared_stack):
        with suppress(FileNotFoundError):  # a deletion after a commit may still be under way
            os.utime(shared_stack.settings.data_dir / "blobs" / unnamed, times=(0, 0))
    shared_stack.finish([shared_stack.client.post("/upkeep/storage/run").json()["task_id"]])
    wait_for(lambda: list_unnamed_files(shared_stack) == [], "upkeep to delete the files without a row", 150)
    assert {document["sha256"] for document in documents} <= {sha256(content).hexdigest() for content in CONTENTS}


def test_clients_that_replace_one_page_leave_one_document(shared_stack: Stack, agent: int) -> None:
    page = html("<p>The heron waits at the weir.</p>")
    path = f"/documents/agent/{agent}/webpage"
    with serve({"/page": page}.get) as site:
        body = {"url": f"{site.url}/page", "on_duplicate": "replace"}
        answers = send_all([lambda: shared_stack.client.post(path, json=body)] * 40)
        assert answers == {"202": 40}
        assert len(finish_all(shared_stack, agent)) == 1


def test_of_two_files_of_one_name_in_a_batch_that_replaces_the_later_one_wins(shared_stack: Stack, agent: int) -> None:
    files = [("files", ("plan.txt", content)) for content in CONTENTS[:2]]
    path = f"/documents/agent/{agent}/batch"
    answer = shared_stack.client.post(path, files=files, data={"on_duplicate": "replace"}).json()
    assert [file["error"] and file["error"]["code"] for file in answer["files"]] == ["duplicate_document", None]
    [document] = finish_all(shared_stack, agent)
    assert shared_stack.client.get(f"/documents/{document['id']}/content").content == CONTENTS[1]


@pytest.mark.parametrize("refused", [b"earlier bytes", b"", bytes(range(256))])
def test_a_replacement_goes_to_the_document_with_content_not_to_a_refused_file_of_its_name(
    shared_stack: Stack, agent: int, refused: bytes
) -> None:
    files = [("files", ("plan.txt", content)) for content in (refused, CONTENTS[0])]
    path = f"/documents/agent/{agent}/batch"
    shared_stack.client.post(path, files=files, data={"on_duplicate": "replace"})
    [document] = finish_all(shared_stack, agent)
    replaced = shared_stack.upload(agent, "plan.txt", CONTENTS[1], on_duplicate="replace")
    assert replaced["document_id"] == document["id"]
    assert len(finish_all(shared_stack, agent)) == 1
