"""How a delivery is sent, retried and given up: on real connections to a receiver."""

import pytest
from standardwebhooks import WebhookVerificationError

from app.domain.errors import RetryLaterError
from app.domain.webhooks import MOST_ATTEMPTS, RETRY_DELAYS, DeliveryStatus
from tests.web_server import Answer, answer, drip, redirect, repeat, stall
from tests.webhooks.receiver import receive
from tests.webhooks.world import ORGANIZATION, World

DAY = 86_400.0


async def test_a_delivery_carries_the_event_and_a_signature_that_the_library_accepts(world: World) -> None:
    with receive() as receiver:
        webhook, secret = await world.register(receiver.url("/hook?team=7"))
        delivery = await world.deliveries.test(ORGANIZATION, webhook.id)
        await world.run()
        [message] = receiver.messages
    assert message.path == "/hook?team=7"
    assert message.headers["content-type"] == "application/json"
    assert message.verify(secret) == {**message.event, "type": "webhook.test", "id": delivery.message_id}
    [delivered] = await world.list(webhook.id)
    assert (delivered.status, delivered.attempts, delivered.completed_at is not None) == ("delivered", 1, True)
    assert delivered.log[0]["excerpt"] == "thanks"
    with pytest.raises(WebhookVerificationError):
        message.verify("whsec_" + "A" * 43)


@pytest.mark.parametrize("failure", [answer(status="500 Oops"), answer(status="404 Not Found"), b"", stall])
async def test_a_failed_delivery_is_tried_again_with_the_same_id_and_body(world: World, failure: Answer) -> None:
    with receive(failure) as receiver:
        webhook, secret = await world.register(receiver.url())
        await world.deliveries.test(ORGANIZATION, webhook.id)
        await world.run()
        [waiting] = await world.list(webhook.id)
        assert (waiting.status, waiting.attempts) == ("pending", 1)
        assert waiting.next_attempt_at is not None
        assert waiting.log[0]["error"]
        await world.let_pass(10)
        await world.run()
        first, second = receiver.messages
    assert (first.id, first.body) == (second.id, second.body)
    assert second.verify(secret)
    [delivered] = await world.list(webhook.id)
    assert (delivered.status, delivered.attempts) == ("delivered", 2)
    assert (await world.get(webhook)).failures == 0


async def test_after_ten_attempts_within_four_days_the_task_is_a_dead_letter(world: World) -> None:
    with receive(default=answer(status="503 Unavailable")) as receiver:
        webhook, _ = await world.register(receiver.url())
        await world.deliveries.test(ORGANIZATION, webhook.id)
        await world.run()
        for delay in RETRY_DELAYS:
            await world.let_pass(delay * 1.2 + 1)
            await world.run()
        await world.let_pass(DAY)
        assert await world.run() == 0
    [failed] = await world.list(webhook.id)
    assert (failed.status, failed.attempts, len(receiver.messages)) == ("failed", MOST_ATTEMPTS, MOST_ATTEMPTS)
    [task] = await world.fetch("SELECT state, attempt, error ->> 'code' AS code, dead_lettered_at FROM tasks")
    assert (task.state, task.code, task.dead_lettered_at is not None) == ("FAILURE", "delivery_failed", True)
    assert await world.fetch("SELECT FROM events") == []


async def test_retry_after_is_a_lower_limit_of_the_next_delay(world: World) -> None:
    with receive(answer(status="429 Slow down", retry_after="600")) as receiver:
        webhook, _ = await world.register(receiver.url())
        await world.deliveries.test(ORGANIZATION, webhook.id)
        await world.run()
        await world.let_pass(550)
        assert await world.run() == 0
        await world.let_pass(60)
        assert await world.run() == 1
    assert [delivery.status for delivery in await world.list(webhook.id)] == [DeliveryStatus.DELIVERED]


async def test_a_redirect_is_a_failure_and_is_not_followed(world: World) -> None:
    with receive() as inside, receive(default=redirect(inside.url("/admin"), "307 Temporary")) as receiver:
        webhook, _ = await world.register(receiver.url())
        await world.deliveries.test(ORGANIZATION, webhook.id)
        await world.run()
        assert inside.messages == []
    [waiting] = await world.list(webhook.id)
    assert (waiting.status, waiting.log[0]["status"]) == ("pending", 307)
    assert "redirect" in waiting.log[0]["error"].lower()


async def test_410_disables_the_webhook_at_once_and_holds_what_waits(world: World) -> None:
    with receive(answer(status="410 Gone")) as receiver:
        webhook, _ = await world.register(receiver.url())
        for name in ("document.completed", "document.deleted"):
            await world.emit(name, document_id=7)
        await world.run()
    disabled = await world.get(webhook)
    assert (disabled.enabled, disabled.disabled_reason) == (False, "gone")
    assert len(receiver.messages) == 1
    assert [delivery.status for delivery in await world.list(webhook.id)] == ["failed", "held"]
    [notice] = await world.fetch("SELECT type, data FROM events WHERE type NOT LIKE 'document%'")
    assert (notice.type, notice.data["webhook_id"], notice.data["reason"]) == ("webhook.disabled", webhook.id, "gone")


@pytest.mark.parametrize(
    "body",
    [drip, repeat(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536), answer(b"\xff\x00" * 4000), answer(content_encoding="br")],
    ids=["slow", "endless", "binary", "unknown coding"],
)
async def test_a_2xx_counts_whatever_body_follows_and_its_excerpt_is_short(world: World, body: Answer) -> None:
    with receive(body) as receiver:
        webhook, _ = await world.register(receiver.url())
        await world.deliveries.test(ORGANIZATION, webhook.id)
        await world.run()
        [delivered] = await world.list(webhook.id)
    assert delivered.status == "delivered", delivered.log
    assert len(delivered.log[0]["excerpt"]) <= 1024


async def test_a_certificate_that_is_not_trusted_is_a_failure(world: World) -> None:
    with receive(tls=True) as receiver:
        webhook, _ = await world.register(receiver.url().replace("http:", "https:"))
        await world.deliveries.test(ORGANIZATION, webhook.id)
        await world.run()
        assert receiver.messages == []
    [waiting] = await world.list(webhook.id)
    assert "certificate" in waiting.log[0]["error"].lower()


async def test_a_webhook_that_fails_for_five_days_is_disabled_and_what_it_missed_can_be_replayed(world: World) -> None:
    with receive(default=answer(status="500 Oops")) as receiver:
        webhook, _ = await world.register(receiver.url())
        await world.deliveries.test(ORGANIZATION, webhook.id)
        await world.run()
        await world.let_pass(4.9 * DAY)
        await world.run()
        assert (await world.get(webhook)).enabled
        await world.let_pass(0.2 * DAY)
        await world.run()
        assert (await world.get(webhook)).disabled_reason == "failing"
        assert [delivery.status for delivery in await world.list(webhook.id)] == ["held"]
        receiver.default = answer(b"back")
        await world.webhooks.update(ORGANIZATION, webhook.id, enabled=True)
        await world.let_pass(DAY)
        await world.run()
        assert [delivery.status for delivery in await world.list(webhook.id)] == ["held"]
        [held] = await world.list(webhook.id)
        await world.deliveries.replay(ORGANIZATION, webhook.id, held.id)
        await world.run()
    [delivered] = await world.list(webhook.id)
    assert (delivered.status, delivered.log[-1]["excerpt"]) == ("delivered", "back")


async def test_a_process_that_dies_after_a_failure_is_written_sends_the_event_again(world: World) -> None:
    with receive(answer(status="500 Oops")) as receiver:
        webhook, _ = await world.register(receiver.url())
        delivery = await world.deliveries.test(ORGANIZATION, webhook.id)
        assert delivery.task_id
        attempt = await world.claim(delivery.task_id)
        with pytest.raises(RetryLaterError):
            await world.sending.deliver(attempt)
        await world.reclaim(attempt)
        await world.run()
        first, second = receiver.messages
    assert first.id == second.id
    [delivered] = await world.list(webhook.id)
    assert (delivered.status, delivered.attempts, len(delivered.log)) == ("delivered", 2, 2)


async def test_a_delivery_whose_task_a_client_retries_is_sent_again(world: World) -> None:
    with receive() as receiver:
        webhook, _ = await world.register(receiver.url())
        delivery = await world.deliveries.test(ORGANIZATION, webhook.id)
        await world.run()
        assert delivery.task_id
        await world.revive(delivery.task_id)
        await world.run()
        assert len(receiver.messages) == 2
    [delivered] = await world.list(webhook.id)
    assert (delivered.status, delivered.attempts, len(delivered.log)) == ("delivered", 1, 2)


async def test_an_event_that_the_receiver_refuses_keeps_to_its_schedule_while_others_arrive(world: World) -> None:
    with receive(answer(status="500 Oops")) as receiver:
        webhook, _ = await world.register(receiver.url())
        await world.emit(*["task.succeeded"] * 8)
        await world.run()
        assert sorted(delivery.status for delivery in await world.list(webhook.id)) == ["delivered"] * 7 + ["pending"]
        [refused] = await world.list(webhook.id, status=DeliveryStatus.PENDING)
        assert refused.attempts == 1
        await world.let_pass(7)
        await world.run()
    assert {delivery.status for delivery in await world.list(webhook.id)} == {"delivered"}
