"""Deleted documents with tasks of every kind that names them, for the statements that erase them."""

import json
from typing import Any

from app.domain.ids import new_task_id
from app.domain.tasks import TaskName
from tests.ledger.bench import ORGANIZATION, Bench

PAGE = "https://example.com/page"


def _add(bench: Bench, agent: int, name: TaskName, state: str, **columns: Any) -> None:
    values = {"arguments": "{}", "result": "null", "attempt": 1, "document": None, "parent": None, **columns}
    values.setdefault("id", new_task_id())
    bench.sql(
        "INSERT INTO tasks (id, organization_id, agent_id, document_id, parent_id, name, queue, state, attempt,"
        " arguments, result, completed_at) VALUES (:id, :organization, :agent, :document, CAST(:parent AS uuid), :name,"
        " 'default', :state, :attempt, CAST(:arguments AS jsonb), nullif(CAST(:result AS jsonb), 'null'), now())",
        organization=ORGANIZATION,
        agent=agent,
        name=name.value,
        state=state,
        **values,
    )


def fill_deletions(bench: Bench) -> dict[str, Any]:
    """Insert an agent whose documents are being erased; returns the parameters of the statements that erase them."""
    agent = bench.add_agent()
    documents = [
        int(row["id"])
        for row in bench.sql(
            "INSERT INTO documents (organization_id, agent_id, filename, media_type, deleted_at, erased_at)"
            " SELECT :organization, :agent, 'a', '', CASE WHEN n > 5 THEN now() END,"
            " CASE WHEN n > 10 THEN now() - interval '90 days' END FROM generate_series(1, 15) AS n RETURNING id",
            organization=ORGANIZATION,
            agent=agent,
        )
    ][5:10]
    crawl = new_task_id()
    for document in documents:
        failures = {"failures": [{"document_id": document, "filename": "a", "message": "b"}]}
        _add(bench, agent, TaskName.PROCESS_BATCH, "FAILURE", id=(batch := new_task_id()), result=json.dumps(failures))
        content = json.dumps({"content": {"blob_key": f"aa/{document}"}})
        _add(bench, agent, TaskName.PROCESS_DOCUMENT, "FAILURE", document=document, arguments=content, parent=batch)
        _add(bench, agent, TaskName.PROCESS_WEBPAGE, "SUCCESS", document=document, attempt=2, parent=crawl)
        answer = json.dumps({"answer": "c", "references": [{"document_id": document}]})
        _add(bench, agent, TaskName.ANSWER_QUESTION, "SUCCESS", result=answer)
    _add(bench, agent, TaskName.CRAWL_SITE, "SUCCESS", id=crawl)
    bench.sql("INSERT INTO crawl_urls (task_id, url) VALUES (:crawl, :url)", crawl=crawl, url=PAGE)
    keys = [f"bb/{number}" for number in range(9)]
    bench.sql("INSERT INTO discarded_files (key) SELECT unnest(CAST(:keys AS text[]))", keys=keys)
    return {
        "agent_id": agent,
        "document_id": documents[0],
        "document_ids": documents,
        "after": None,
        "urls": [PAGE],
        "erased": {"answer": ""},
        "keys": [*keys, "bb/new"],
        "limit": 2,
    }
