"""Real documents from other sources, through a running stack."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.running import CHILD_PROGRAMS, Stack, list_family

pytestmark = [pytest.mark.corpus, pytest.mark.slow]


@pytest.fixture(scope="module")
def manifest(corpus: Path) -> dict[str, dict[str, Any]]:
    """The expected outcome of each file."""
    content: dict[str, dict[str, Any]] = json.loads((corpus / "manifest.json").read_text())
    return content


_IDENTIFYING = 15
"""The characters of a sentence that no other document is likely to have."""


def _list_workers(stack: Stack) -> set[int]:
    assert stack.workers
    return {process.pid for process in list_family(stack.workers.pid) if CHILD_PROGRAMS.isdisjoint(process.cmdline())}


def _find_own_sentence(text: str) -> str:
    """The longest sentence that fits in a query; the text's beginning where that is one word, as in a form."""
    sentences = re.split(r"(?<=[.!?。！？])\s+|\n+", text)  # noqa: RUF001 - full stops of other scripts
    longest = max((sentence.strip() for sentence in sentences if len(sentence) <= 300), key=len, default="")
    return longest if len(longest) >= _IDENTIFYING else text[:300]


def test_every_good_document_is_completed_and_found_by_a_sentence_of_its_own(shared_stack: Stack, corpus: Path) -> None:
    agent = shared_stack.make_agent()
    files = sorted((corpus / "good").iterdir())
    uploads = {path.name: shared_stack.upload(agent, path.name, path.read_bytes()) for path in files}
    tasks = shared_stack.finish([upload["task_id"] for upload in uploads.values()], seconds=150)
    failed = {name: task["error"] for name, task in zip(uploads, tasks, strict=True) if task["state"] != "SUCCESS"}
    assert failed == {}
    lost = []
    for name, upload in uploads.items():
        document = upload["document_id"]
        assert shared_stack.get(f"/documents/{document}")["status"] == "completed"
        text = shared_stack.client.get(f"/documents/{document}/content", params={"format": "text"}).text
        query = {"query": _find_own_sentence(text), "top_k": 10}
        hits = shared_stack.post(f"/agents/{agent}/search", query)["results"]
        if document not in {hit["document_id"] for hit in hits}:
            lost.append((name, query["query"]))
    assert lost == []


def test_every_bad_document_fails_with_its_code_and_costs_no_process(
    shared_stack: Stack, corpus: Path, manifest: dict[str, dict[str, Any]]
) -> None:
    agent = shared_stack.make_agent()
    before = _list_workers(shared_stack)
    found: dict[str, str] = {}
    for path in sorted((corpus / "bad").iterdir()):
        response = shared_stack.client.post(
            f"/documents/agent/{agent}/upload", files={"file": (path.name, path.read_bytes())}
        )
        if response.status_code == 202:
            [task] = shared_stack.finish([response.json()["task_id"]])
            found[path.name] = task["error"]["code"] if task["error"] else "completed"
        else:
            found[path.name] = f"{response.status_code} {response.json()['code']}"
    wrong = {name: code for name, code in found.items() if not _is_expected(code, manifest[f"bad/{name}"]["expect"])}
    assert wrong == {}
    assert before <= _list_workers(shared_stack)


def _is_expected(code: str, expectation: str) -> bool:
    """Expectations are sentences that name codes, and for refusals the status."""
    return any(word in expectation for word in code.split())
