"""The examples of docs/webhooks.md verify what Sluice sends, and refuse everything else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError

from tests.docs.pages import list_blocks
from tests.webhooks.receiver import Message, receive
from tests.webhooks.world import ORGANIZATION, World

_PAGE = Path(__file__).parents[2] / "docs" / "webhooks.md"
Read = Callable[[str, dict[str, str], bytes], dict[str, Any]]


def load(name: str) -> Read:
    """A function of the page's examples."""
    names: dict[str, Any] = {}
    for block in list_blocks(_PAGE):
        if block.language == "python":
            exec(block.text, names)  # noqa: S102 - the examples of our own page
    function: Read = names[name]
    return function


async def send_test(world: World, hours: int | None = None) -> tuple[Message, list[str]]:
    """A message that was sent, after a rotation if ``hours`` says for how long the former secret signs too."""
    with receive() as receiver:
        webhook, secret = await world.register(receiver.url())
        secrets = [secret]
        if hours is not None:
            secrets.append((await world.webhooks.rotate_secret(ORGANIZATION, webhook.id, hours))[0])
        await world.deliveries.test(ORGANIZATION, webhook.id)
        await world.run()
        return receiver.messages[0], secrets


@pytest.mark.parametrize("name", ["read_event", "read_event_by_hand"])
async def test_the_examples_accept_a_delivery_and_refuse_a_changed_one(world: World, name: str) -> None:
    read = load(name)
    message, [secret] = await send_test(world)
    body = message.body.encode()
    assert read(secret, message.headers, body) == message.event
    old = {**message.headers, "webhook-timestamp": "1"}
    for key, headers, given in ((secret, message.headers, body + b" "), (secret, old, body), ("whsec_AAAA", old, body)):
        with pytest.raises((ValueError, WebhookVerificationError)):
            read(key, headers, given)


@pytest.mark.parametrize("name", ["read_event", "read_event_by_hand"])
async def test_after_a_rotation_both_secrets_verify_a_delivery(world: World, name: str) -> None:
    read = load(name)
    message, secrets = await send_test(world, hours=24)
    assert len(message.headers["webhook-signature"].split(" ")) == 2
    for secret in secrets:
        assert read(secret, message.headers, message.body.encode()) == message.event


async def test_a_former_secret_does_not_sign_after_its_overlap(world: World) -> None:
    message, [former, current] = await send_test(world, hours=0)
    assert len(message.headers["webhook-signature"].split(" ")) == 1
    assert message.verify(current)
    with pytest.raises(WebhookVerificationError):
        message.verify(former)
