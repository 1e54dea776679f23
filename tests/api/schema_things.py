"""Existing resources for generated requests. Without them, nearly every response would be a 404."""

from collections.abc import Iterator

from tests.flows.zips import make_zip
from tests.running import Stack

_LETTERS = 8
"""Failed tasks for the operations that change one: each consumes one."""

Things = dict[str, int | str]


class Supply:
    """The resources of a stack for generated requests.

    Operations that only read receive permanent resources, the others new ones. No worker runs after the set-up, so
    only requests change them.
    """

    def __init__(self, stack: Stack) -> None:
        stack.start_api()
        stack.start_workers()
        self._stack = stack
        self._agent = stack.make_agent()
        good = stack.upload(self._agent, "good.txt", b"The heron waits. " * 200, metadata='{"year": 2026}')
        archive = stack.upload(self._agent, "files.zip", make_zip({"a.txt": b"The weir.", "b.pdf": b"%PDF-1.7\n"}))
        bad = [stack.upload(self._agent, f"{n}.pdf", b"%%PDF-1.7\n%d" % n) for n in range(_LETTERS + 1)]
        tasks = [upload["task_id"] for upload in (good, archive, *bad)]
        stack.finish(tasks)
        stack.stop(stack.workers)
        self._letters = tasks[2:]
        self._documents = [upload["document_id"] for upload in (good, archive, bad[0])]
        self._tasks = [*tasks[:2], self._letters.pop()]
        key = stack.post("/api-keys", {"name": "shown"})["id"]
        self._webhook = self._add_webhook()
        self._shown = {**self._add_things(self._agent), **self._webhook, "key_id": key, "organization_id": 1}

    @property
    def base_url(self) -> str:
        """The address of the API, without a path."""
        return str(self._stack.client.base_url.copy_with(path="/"))

    def offer(self, operation: str) -> Iterator[Things]:
        """Resources for the requests of one operation, such as ``GET /api/v1/agents``, without end."""
        method, path = operation.split()
        keeps = method == "GET" or path.endswith("/search")
        task = None if keeps or "{task_id}" not in path else self._letters.pop()
        made = None if keeps else self._make(path)
        while True:
            yield self._choose() if made is None else {**made, "task_id": task or self._tasks[0]}

    def _choose(self) -> Things:
        documents, tasks = self._documents, self._tasks
        documents.append(documents.pop(0))
        tasks.append(tasks.pop(0))
        return {"agent_id": self._agent, "document_id": documents[0], "task_id": tasks[0], **self._shown}

    def _make(self, path: str) -> Things:
        agent = self._stack.make_agent()
        document = self._stack.upload(agent, "new.txt", b"The heron waits.")["document_id"]
        key = self._stack.post("/api-keys", {"name": "made for a request"})["id"]
        made: Things = {
            "agent_id": agent,
            "document_id": document,
            "key_id": key,
            "name": "low_priority",
            "organization_id": self._stack.post("/organizations", {"name": "made for a request"})["id"],
        }
        # The number of an organization's webhooks is limited, so only operations on a webhook get another one.
        return made | self._add_things(agent) | (self._add_webhook() if "{webhook_id}" in path else self._webhook)

    def _add_things(self, agent: int) -> Things:
        questions = [{"question": "Who waits?", "documents": ["good.txt"]}]
        set_id = self._stack.post(f"/agents/{agent}/question-sets", {"questions": questions})["id"]
        evaluation = self._stack.post(f"/agents/{agent}/evaluations", {"question_set": set_id})
        profile = self._stack.post(f"/agents/{agent}/profiles", {"website": "https://weir.example/"})
        return {"set_id": set_id, "evaluation_id": evaluation["evaluation_id"], "profile_id": profile["id"]}

    def _add_webhook(self) -> Things:
        webhook = self._stack.post("/webhooks", {"url": "https://hooks.example.com/"})["id"]
        return {"webhook_id": webhook, "delivery_id": self._stack.post(f"/webhooks/{webhook}/test")["id"]}
