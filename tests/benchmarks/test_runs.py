"""Benchmarks run with what the project is today, on few tasks."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as program
from benchmarks import statements
from benchmarks.harness.mixed import make_documents
from benchmarks.harness.stack import run_servers
from benchmarks.harness.work import fetch, run_tasks
from benchmarks.peers.packages import is_installed
from benchmarks.peers.systems import run_honest
from benchmarks.report import figures


@pytest.mark.slow
def test_the_statements_of_tasks_are_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(statements, "_ALONE", 3)
    monkeypatch.setattr(statements, "_MANY", 12)
    monkeypatch.setattr(figures, "RESULTS", tmp_path)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "statements"])
    program.main()
    [path] = tmp_path.glob("*.json")
    found = {figure["name"]: figure["value"] for figure in json.loads(path.read_text())["measures"]["statements"]}
    assert found["no-op, one at a time: round trips, worker"] >= 1
    assert found["small document, many waiting: statements, worker"] >= 2


@pytest.mark.slow
def test_the_honest_peer_processes_every_kind_of_document() -> None:
    if not is_installed():
        pytest.skip("the packages of the peers are not installed: make bench-peers")
    documents = make_documents(6)
    with run_servers() as settings, run_honest(settings) as honest:
        run_tasks(honest.settings, lambda _: honest.upload(documents), len(documents), ended=honest.ended)
        rows = fetch(
            honest.settings,
            "SELECT status, (SELECT count(*) FROM chunks WHERE document_id = d.id) AS chunks FROM documents AS d",
        )
    assert [row["status"] for row in rows] == ["completed"] * 6
    assert all(row["chunks"] for row in rows)


def test_documents_of_a_number_are_always_the_same_and_no_two_are_equal() -> None:
    kinds = ("pdf", "html", "txt", "eml")  # the others contain the time at which they were made
    assert make_documents(8, kinds=kinds) == make_documents(8, kinds=kinds)
    assert len({document.content for document in [*make_documents(12), *make_documents(12, first=12)]}) == 24
