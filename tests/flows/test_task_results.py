"""The result of a task has the form that the OpenAPI document gives for its name."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from app.api.bodies.results import RESULTS, ChildrenResult, DuplicateResult, ErasedResult, SkippedPageResult
from app.domain.tasks import TaskName
from tests.flows.site import Page, Site, html, serve
from tests.flows.zips import make_zip
from tests.running import Stack

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
NOT_REACHED = {
    TaskName.REEMBED_DOCUMENT,
    TaskName.CALIBRATE_AGENT,
    TaskName.EVALUATE,
    TaskName.DECIDE_INDEX,
    TaskName.GENERATE_SPECS,
    TaskName.WRITE_SPECS,
    TaskName.SUM_USAGE,
    TaskName.SUBMIT_REPORTS,
    TaskName.MAKE_REPORT,
    TaskName.SEND_MAIL,
    TaskName.DELIVER_EVENT,
    TaskName.APPLY_RETENTION,
    TaskName.SUBMIT_RETENTION,
    TaskName.SWEEP_STORAGE,
    TaskName.MAIL_DEAD_LETTERS,
    TaskName.IMPORT_AGENTS,
    TaskName.CREATE_AGENTS,
    TaskName.REPORT_AGENTS,
    TaskName.ENRICH_PROFILE,
    TaskName.ENRICH_PROFILES,
    TaskName.ENRICH_DUE_PROFILES,
}
"""These have tests of their own: the change of a model, agents with many chunks, evaluations, specs, webhooks, lists of
agents, profiles, and what Beat runs."""


def find_page(path: str) -> Page | None:
    """A site whose second page is another name of the first."""
    if path == "/":
        return html("<p>The heron stands at the gate of the old lock.</p><a href='/copy'>on</a>")
    return html("<p>The heron.</p>", "<link rel='canonical' href='/'>") if path == "/copy" else None


@pytest.fixture
def site() -> Iterator[Site]:
    """The site."""
    with serve(find_page) as site:
        yield site


def submit_everything(stack: Stack, agent: int, site: Site) -> list[str]:
    """A task of each kind that clients can submit; returns their ids."""
    large = " ".join(f"The boat number {number} waits at the gate." for number in range(2_000)).encode()
    packed = make_zip({"c.txt": b"The weir.", "d.png": PNG})
    files = [("files", part) for part in (("a.txt", b"The lock."), ("b.png", PNG), ("c.zip", packed))]
    batch = stack.client.post(f"/documents/agent/{agent}/batch", files=[*files, ("files", ("e.txt", b"The lock."))])
    small = stack.upload(agent, "small.txt", b"A heron.")
    uploads = [
        small,
        stack.upload(agent, "large.txt", large),
        stack.upload(agent, "files.zip", make_zip({"f.txt": b"The boat.", "g.txt": b"The boat."})),
        stack.post(f"/documents/agent/{agent}/webpage", {"url": site.url}),
        stack.post(f"/documents/agent/{agent}/crawl", {"url": site.url}),
        batch.json(),
    ]
    stack.finish([upload["task_id"] for upload in uploads])
    later = [
        stack.post(f"/agents/{agent}/ask", {"question": "Where does the heron stand?"}),
        stack.delete(f"/documents/{small['document_id']}"),
    ]
    stack.finish([task["task_id"] for task in later])
    removed = stack.delete(f"/agents/{stack.make_agent()}")
    stack.finish([removed["task_id"]])
    return [task["task_id"] for task in (*uploads, *later, removed)]


def list_tasks(stack: Stack, task_ids: list[str]) -> Iterator[dict[str, Any]]:
    """The tasks and all their children."""
    for task_id in task_ids:
        yield stack.get(f"/tasks/{task_id}")
        children = stack.get("/tasks/", parent_id=task_id, limit=1000)["tasks"]
        yield from list_tasks(stack, [child["task_id"] for child in children])


def test_every_result_has_the_form_that_is_described_for_its_task(shared_stack: Stack, agent: int, site: Site) -> None:
    seen = set()
    for task in list_tasks(shared_stack, submit_everything(shared_stack, agent, site)):
        if task["state"] != "SUCCESS":
            assert task["result"] is None or task["task_name"] in {TaskName.PROCESS_BATCH, TaskName.CRAWL_SITE}
            continue
        models: tuple[type[BaseModel], ...] = (ErasedResult, *RESULTS[TaskName(task["task_name"])])
        fitting = [model for model in models if set(task["result"]) <= set(model.model_fields)]
        assert fitting, task
        fitting[0].model_validate(task["result"])
        seen |= {task["task_name"], fitting[0].__name__}
    assert {model.__name__ for model in (ChildrenResult, DuplicateResult, SkippedPageResult)} <= seen
    swept = shared_stack.get("/tasks/", name=TaskName.SWEEP_DOCUMENT.value)["tasks"]
    assert seen | {task["task_name"] for task in swept} >= RESULTS.keys() - NOT_REACHED
