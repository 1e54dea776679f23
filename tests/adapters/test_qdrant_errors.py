"""The translation of Qdrant's errors."""

from dataclasses import replace

import pytest

from app.domain.errors import (
    ProviderBusyError,
    ProviderCredentialsError,
    ProviderDownError,
    ProviderRequestError,
    SluiceError,
    StartupError,
)
from app.domain.vectors import EmbeddingSpec
from tests.adapters.qdrant_server import QdrantServer
from tests.adapters.qdrant_stores import AHEAD, INDEX, OWNER, make_store, send_request
from tests.adapters.s3_servers import run_answering
from tests.adapters.troubles import BUSY_SECONDS, Trouble
from tests.adapters.vector_stores import closing, make_batch, use
from tests.web_server import answer, serve, stall


async def test_a_deletion_that_left_something_is_not_taken_for_one(qdrant: QdrantServer) -> None:
    store = make_store(qdrant.url)
    async with closing(store):
        await store.upsert(INDEX, make_batch(OWNER, 1, [AHEAD]))
        qdrant.deaf_to = "/points/delete"
        with pytest.raises(ProviderDownError):
            await store.delete(INDEX, OWNER, 1, 1)


async def test_a_check_names_what_does_not_fit(qdrant: QdrantServer) -> None:
    store = make_store(qdrant.url)
    await use(store, store.upsert(INDEX, make_batch(OWNER, 1, [AHEAD])))
    with pytest.raises(StartupError, match=r"sluice-3.* of 4 dimensions"):
        await use(store, store.check(replace(INDEX, embedding=EmbeddingSpec("local", "other", 5))))
    await use(store, store.check(replace(INDEX, embedding=EmbeddingSpec("local", "made-for-tests", 4))))
    send_request(qdrant, "PUT", "/collections/foreign", {"vectors": {"size": 4, "distance": "Dot"}})
    with pytest.raises(StartupError, match="foreign"):
        await use(store, store.check(replace(INDEX, place={"collection": "foreign"})))


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "http://127.0.0.1:port"])
async def test_a_check_names_the_setting_of_an_address_that_is_none(url: str) -> None:
    with pytest.raises(StartupError, match="QDRANT_URL"):
        await use(store := make_store(url), store.check(INDEX))


async def test_a_check_names_the_setting_of_a_key_that_is_refused_and_not_the_key(qdrant: QdrantServer) -> None:
    with pytest.raises(StartupError, match="QDRANT_API_KEY") as raised:
        await use(store := make_store(qdrant.url, "a-wrong-key"), store.check(INDEX))
    assert "a-wrong-key" not in str(raised.value)
    with pytest.raises(ProviderCredentialsError):
        await use(store := make_store(qdrant.url, None), store.query(INDEX, OWNER, AHEAD, limit=1))


async def test_a_busy_server_says_how_long(qdrant: QdrantServer) -> None:
    with qdrant.suffer(Trouble.BUSY), pytest.raises(ProviderBusyError) as raised:
        await use(store := make_store(qdrant.url), store.query(INDEX, OWNER, AHEAD, limit=1))
    assert raised.value.retry_after == BUSY_SECONDS


@pytest.mark.parametrize("when", [{}, {"retry_after": "Wed, 25 Nov 2026 07:00:00 GMT"}, {"retry_after": "0"}])
async def test_a_busy_server_need_not_say_so_in_seconds(when: dict[str, str]) -> None:
    with serve() as web:
        web.pages["/collections/sluice-3"] = answer(b"{}", "429 Too Many Requests", **when)
        with pytest.raises(ProviderBusyError):
            await use(store := make_store(web.url("")), store.check(INDEX))


@pytest.mark.parametrize(
    ("status", "content", "error"),
    [
        (404, b"default backend - 404", ProviderDownError),
        (404, b'{"detail": "Not Found"}', ProviderDownError),
        (200, b"<html>Sign in</html>", ProviderDownError),
        (200, b'{"result": 3}', ProviderDownError),
        (200, b'{"result": null}', ProviderDownError),
        (308, b"", ProviderDownError),
        (408, b"", ProviderDownError),
        (502, b"<html>Bad gateway</html>", ProviderDownError),
        (507, b'{"status": {"error": "No space left"}}', ProviderDownError),
        (403, b"Forbidden: only global access is allowed", ProviderCredentialsError),
        (400, b'{"status": {"error": "Wrong input"}}', ProviderRequestError),
        (413, b"too large", ProviderRequestError),
        (422, b'{"status": {"error": "Validation error"}}', ProviderRequestError),
    ],
)
async def test_an_answer_that_is_none_is_named_for_what_it_is(
    status: int, content: bytes, error: type[SluiceError]
) -> None:
    with run_answering(status, content) as url:
        store = make_store(url)
        async with closing(store):
            for request in (
                store.query(INDEX, OWNER, AHEAD, limit=1),
                store.delete(INDEX, OWNER, 1, 1),
                store.upsert(INDEX, make_batch(OWNER, 1, [AHEAD])),
                store.list_agents(INDEX),
            ):
                with pytest.raises(SluiceError) as raised:
                    await request
                assert type(raised.value) is error


async def test_a_server_that_says_nothing_is_not_waited_for_longer_than_the_limit() -> None:
    with serve() as web:
        web.pages["/collections/sluice-3"] = stall
        with pytest.raises(ProviderDownError, match="too long"):
            await use(store := make_store(web.url(""), time_limit=0.2), store.check(INDEX))
