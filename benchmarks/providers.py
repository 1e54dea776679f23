"""Ten thousand chunks through a provider that accepts 100 requests a minute and fails some of them.

The provider is a local server with OpenAI's protocol, in a separate process. It answers 5 % of the requests with 429
and 2 % with 500, refuses requests beyond its limit, and records what was requested and paid.
"""

import time

from app.settings import Settings
from benchmarks.harness.stack import open_client, run_program, run_servers, wait_for, wait_for_workers
from benchmarks.harness.work import fetch
from benchmarks.report.figures import Figure
from tests.adapters.openai_process import run_openai_process
from tests.adapters.openai_server import KEY

_DOCUMENTS, _CHUNKS, _LIMIT = 20, 500, 100
_PARAGRAPH = "Entry {} of book {}: lock keeper {} let a barge of {} tons through before the tide turned at the gate."
_STORED = """
    SELECT count(*) AS stored, count(DISTINCT (document_id, edition, ordinal)) AS keys,
           (SELECT count(*) FROM tasks WHERE state <> 'SUCCESS') AS unfinished,
           (SELECT coalesce(sum(retries), 0) FROM tasks) AS retries,
           (SELECT coalesce(sum(attempt), 0) FROM tasks) AS attempts
    FROM vectors
"""
_LEFT = "SELECT count(*) AS n FROM tasks WHERE completed_at IS NULL"


def measure() -> list[Figure]:
    """Upload, wait until all documents are searchable, then read the provider's records."""
    terms = {"requests_per_minute": _LIMIT, "share_of_429": 0.05, "share_of_500": 0.02, "retry_after": 1.0, "seed": 1}
    with run_servers() as settings, run_openai_process(**terms) as provider:
        variables = {
            "EMBEDDING_PROVIDER": "openai",
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": provider.url,
            "OPENAI_REQUESTS_PER_MINUTE": str(_LIMIT),
        }
        with (
            run_program(settings, "main.py", "api", **variables),
            run_program(settings, "main.py", "worker", **variables),
        ):
            wait_for_workers(settings, 4)
            began = time.monotonic()
            _upload(settings)
            wait_for(lambda: not fetch(settings, _LEFT)[0]["n"], "every document to be processed", 600, pause=0.5)
            seconds = time.monotonic() - began
        [stored], records = fetch(settings, _STORED), provider.read()
    refused = sum(asked.status == 429 and not asked.within_limits for asked in records.requests)
    return [
        Figure("chunks stored", stored["stored"], "", at_least=_DOCUMENTS * _CHUNKS),
        Figure("… more than once", stored["stored"] - stored["keys"], "", at_most=0),
        Figure("tasks that did not succeed", stored["unfinished"], "", at_most=0),
        Figure("requests beyond the limit", refused, "", at_most=0),
        Figure("requests in the busiest 60 s", records.count_busiest(60), "", at_most=_LIMIT),
        Figure("texts paid for twice", len(records.paid_twice), "", at_most=0),
        Figure("texts paid for", sum(records.paid.values()), ""),
        Figure("requests in all", len(records.requests), ""),
        Figure("… answered 429 or 500", sum(asked.status >= 429 for asked in records.requests), ""),
        Figure("retries counted by the ledger", stored["retries"], ""),
        Figure("seconds until all are searchable", seconds, "s"),
    ]


def _upload(settings: Settings) -> None:
    with open_client(settings) as client:
        made = client.post(
            "/api/v1/agents", json={"name": "Books", "settings": {"chunk_size": 110, "chunk_overlap": 0}}
        )
        agent = made.raise_for_status().json()["id"]
        for book in range(_DOCUMENTS):
            text = "\n\n".join(_PARAGRAPH.format(n, book, 7 * n, 10 + n) for n in range(_CHUNKS))
            files = {"file": (f"book-{book}.txt", text.encode())}
            client.post(f"/api/v1/documents/agent/{agent}/upload", files=files).raise_for_status()
