"""Nothing is sent to an internal address, however it is written and whatever a name resolves to."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.errors import SluiceError
from tests.adapters.web_reading import Names
from tests.web_tricks import INSIDE, NO_URL
from tests.webhooks.receiver import receive
from tests.webhooks.world import ORGANIZATION, World


async def test_an_internal_url_cannot_be_registered(engine: AsyncEngine) -> None:
    world = World(engine, allowed="")
    for url in INSIDE:
        with pytest.raises(SluiceError) as caught:
            await world.register(url)
        assert caught.value.code == "url_not_allowed", url
    for url in NO_URL:
        with pytest.raises(SluiceError) as caught:
            await world.register(url)
        assert caught.value.code == "invalid_url", url
    assert await world.fetch("SELECT FROM webhooks") == []


async def test_a_stored_internal_url_is_not_connected_to(world: World, engine: AsyncEngine) -> None:
    with receive() as receiver:
        webhook, _ = await world.register(receiver.url())
        strict = World(engine, allowed="")
        await world.deliveries.test(ORGANIZATION, webhook.id)
        await (await strict.open()).run()
        assert receiver.messages == []
    [waiting] = await world.list(webhook.id)
    assert (waiting.status, waiting.log[0]["status"]) == ("pending", None)
    assert "does not send" in waiting.log[0]["error"]


@pytest.mark.parametrize("inside", ["127.0.0.1", "::ffff:127.0.0.1", "169.254.169.254", "10.0.0.1", "64:ff9b::7f00:1"])
async def test_a_name_that_resolves_inside_at_the_delivery_is_not_connected_to(
    engine: AsyncEngine, inside: str
) -> None:
    names = Names(hooks_example_com=[[inside], ["93.184.216.34", inside]])
    world = await World(engine, allowed="", names=names).open()
    with receive() as receiver:
        webhook, _ = await world.register(f"http://hooks.example.com:{receiver.port}/")
        for _ in range(2):
            await world.deliveries.test(ORGANIZATION, webhook.id)
        await world.run()
        assert receiver.messages == []
    assert len(names.asked) == 2
    for delivery in await world.list(webhook.id):
        assert "not public" in delivery.log[0]["error"]
        assert inside not in delivery.log[0]["error"]
