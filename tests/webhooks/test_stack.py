"""Webhooks and callbacks from an upload to the receiver, with real processes that are killed."""

from functools import partial

import pytest

from tests.deadlines import wait_for
from tests.flows.zips import make_zip
from tests.running import Stack
from tests.web_server import stall
from tests.webhooks.receiver import OK, Receiver, receive

ENDS = {"task.succeeded", "task.failed", "task.cancelled"}


@pytest.fixture
def sluice(stack: Stack) -> Stack:
    """A stack that may send to this machine."""
    stack.environment |= {"WEB_ALLOWED_HOSTS": "127.0.0.1"}
    stack.start_api()
    stack.start_workers()
    return stack


def list_ends(receiver: Receiver) -> dict[str, list[str]]:
    """The types of the ends that arrived, by task."""
    ends: dict[str, list[str]] = {}
    for message in receiver.messages:
        if message.event["type"] in ENDS:
            ends.setdefault(message.event["data"]["task_id"], []).append(message.event["type"])
    return ends


def has_ends(receiver: Receiver, number: int) -> bool:
    """Whether the ends of so many tasks have arrived."""
    return len(list_ends(receiver)) == number


def has_all_events(stack: Stack, receiver: Receiver) -> bool:
    """Whether every event of the feed has arrived."""
    feed = {event["position"] for event in stack.get("/events", limit=1000)["events"]}
    return feed == {message.event["position"] for message in receiver.messages}


@pytest.mark.slow
def test_every_job_sends_one_end_to_webhook_and_callback(sluice: Stack) -> None:
    agent = sluice.make_agent()
    with receive() as webhook, receive() as callback:
        made = sluice.post("/webhooks", {"url": webhook.url("/events")})
        to = {"callback_url": callback.url("/done")}
        good = sluice.upload(agent, "a.txt", b"The heron waits.", **to)["task_id"]
        bad = sluice.upload(agent, "b.pdf", b"%PDF-1.7\n", **to)["task_id"]
        archive = sluice.upload(agent, "c.zip", make_zip({"x.txt": b"The weir.", "y.txt": b"The gate."}), **to)[
            "task_id"
        ]
        sluice.post("/queues/medium_priority/pause")
        cancelled = sluice.upload(agent, "d.txt", b"The sluice.", priority="medium", **to)["task_id"]
        sluice.delete(f"/tasks/{cancelled}")
        asked = sluice.post(f"/agents/{agent}/ask", {"question": "Who waits?", **to})["task_id"]
        expected = {
            good: ["task.succeeded"],
            bad: ["task.failed"],
            archive: ["task.succeeded"],
            cancelled: ["task.cancelled"],
            asked: ["task.succeeded"],
        }
        for receiver in (webhook, callback):
            wait_for(partial(has_ends, receiver, len(expected)), "the ends of all jobs", 60)
            assert list_ends(receiver) == expected
        [secret] = sluice.get("/webhooks/callbacks/secret")["secrets"]
        assert all(message.verify(secret["secret"]) for message in callback.messages)
        assert all(message.verify(made["secret"]) for message in webhook.messages)
        wait_for(partial(has_all_events, sluice, webhook), "every event of the feed to arrive", 60)
    assert sluice.get("/dead-letters", name="app.tasks.notification_tasks.deliver_event")["total"] == 0


@pytest.mark.slow
def test_a_delivery_whose_worker_is_killed_arrives(sluice: Stack) -> None:
    with receive(default=stall) as receiver:
        made = sluice.post("/webhooks", {"url": receiver.url()})
        delivery = sluice.post(f"/webhooks/{made['id']}/test")
        wait_for(lambda: len(receiver.messages) == 1, "the delivery to begin")
        sluice.kill_workers()
        receiver.default = OK
        sluice.start_workers()
        path = f"/webhooks/{made['id']}/deliveries/{delivery['id']}"
        wait_for(lambda: sluice.get(path)["status"] == "delivered", "the delivery to end", 90)
        assert [message.id for message in receiver.messages] == [delivery["event_id"]] * 2
        assert receiver.messages[-1].verify(made["secret"])
