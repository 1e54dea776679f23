"""Rerankers behind a ``/rerank`` route, in the forms of Cohere, Jina and Text Embeddings Inference."""

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.adapters.rerank.server import RerankServer
from app.domain.errors import (
    ProviderBusyError,
    ProviderCredentialsError,
    ProviderDownError,
    ProviderRequestError,
    SluiceError,
    StartupError,
)
from tests.adapters.json_listener import Answer, JsonListener, Request

KEY = "a-key-made-for-tests"
TEXTS = ["The gate is open.", "The heron waits.", "A boat."]
SCORES = [0.2, 0.9, 0.1]
Respond = Callable[[Request], Answer]


def cohere(_: Request) -> Answer:
    """Best first, as Cohere and Jina answer; Jina repeats the documents."""
    order = sorted(range(3), key=lambda index: -SCORES[index])
    results = [{"index": i, "relevance_score": SCORES[i], "document": {"text": TEXTS[i]}} for i in order]
    return Answer(200, {"id": "x", "results": results, "usage": {"total_tokens": 17}, "meta": {}})


def tei(_: Request) -> Answer:
    """A list, as Text Embeddings Inference answers."""
    return Answer(200, [{"index": 1, "score": 0.9}, {"index": 0, "score": 0.2}, {"index": 2, "score": 0.1}])


class Listener:
    """A server whose answer the test chooses; it keeps the requests."""

    def __init__(self) -> None:
        self.respond: Respond = tei
        self.requests: list[Request] = []
        self.listener = JsonListener(self._answer)

    def _answer(self, request: Request) -> Answer:
        self.requests.append(request)
        return self.respond(request)


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.listener.stop()


async def score(url: str, *, model: str | None = None, api_key: str | None = KEY, time_limit: float = 20) -> Any:
    server = RerankServer(url=url, api_key=api_key, model=model, time_limit=time_limit)
    try:
        return await server.score("Who waits?", TEXTS)
    finally:
        await server.close()


async def test_with_a_model_the_request_is_that_of_cohere_and_jina(listener: Listener) -> None:
    listener.respond = cohere
    relevance = await score(listener.listener.url + "/v2/rerank", model="rerank-v3.5")
    assert (list(relevance.scores), relevance.tokens) == (SCORES, 17)
    [request] = listener.requests
    assert (request.method, request.path) == ("POST", "/v2/rerank")
    assert request.read() == {"model": "rerank-v3.5", "query": "Who waits?", "documents": TEXTS}
    assert request.headers["authorization"] == f"Bearer {KEY}"


async def test_without_a_model_the_request_is_that_of_text_embeddings_inference(listener: Listener) -> None:
    relevance = await score(listener.listener.url, api_key=None)
    assert (list(relevance.scores), relevance.tokens) == (SCORES, 0)
    [request] = listener.requests
    assert request.path == "/rerank"
    assert request.read() == {"query": "Who waits?", "texts": TEXTS, "truncate": True}
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (307, ProviderCredentialsError),
        (401, ProviderCredentialsError),
        (404, ProviderCredentialsError),
        (400, ProviderRequestError),
        (413, ProviderRequestError),
        (422, ProviderRequestError),
        (424, ProviderRequestError),
        (408, ProviderDownError),
        (429, ProviderBusyError),
        (500, ProviderDownError),
        (503, ProviderDownError),
    ],
)
async def test_an_error_is_translated_and_repeats_neither_key_nor_texts(
    listener: Listener, status: int, kind: type[SluiceError], caplog: pytest.LogCaptureFixture
) -> None:
    headers = {"retry-after": "7", "location": "http://192.0.2.1/rerank"}
    listener.respond = lambda request: Answer(status, {"input": request.read(), "key": KEY}, headers)
    with caplog.at_level(logging.DEBUG, logger="app"), pytest.raises(kind) as raised:
        await score(listener.listener.url)
    assert len(listener.requests) == 1, "a redirect is not followed"
    shown = f"{raised.value} {raised.value.detail} {raised.value.__cause__!r}"
    assert KEY not in shown
    assert "heron" not in shown
    assert listener.listener.url not in shown
    if status in {429, 503}:
        assert raised.value.retry_after == 7


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "no",
        None,
        {"results": "no"},
        [{"index": 0, "score": 1}, {"index": 1, "score": 1}],
        [{"index": n, "score": 1} for n in range(4)],
        [{"index": n, "score": 1} for n in (0, 1, 1)],
        [{"index": 0, "score": 1}, {"index": 0, "score": 1}, {"index": 1, "score": 1}, {"index": 2, "score": 1}],
        [{"index": n, "score": "high"} for n in range(3)],
        [{"index": n} for n in range(3)],
        [{"index": n, "score": float("nan")} for n in range(3)],
        [1, 2, 3],
    ],
)
async def test_an_answer_without_a_score_for_each_text_is_refused(listener: Listener, body: Any) -> None:
    listener.respond = lambda _: Answer(200, body)
    with pytest.raises(ProviderDownError):
        await score(listener.listener.url)


async def test_a_server_that_is_unreachable_or_slow_is_down(listener: Listener) -> None:
    release = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wait(_: Request) -> Answer:
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result()
        return Answer(200, [])

    listener.respond = wait
    with pytest.raises(ProviderDownError, match=r"within 0\.2 s"):
        await score(listener.listener.url, time_limit=0.2)
    release.set()
    url = listener.listener.url
    listener.listener.stop()
    try:
        with pytest.raises(ProviderDownError, match="cannot be reached") as raised:
            await score(url)
        assert url not in str(raised.value.detail)
    finally:
        listener.listener.start()


def test_one_server_serves_one_event_loop_after_another(listener: Listener) -> None:
    server = RerankServer(url=listener.listener.url, api_key=None, model=None, time_limit=20)
    for _ in range(2):
        assert list(asyncio.run(server.score("Who waits?", TEXTS)).scores) == SCORES


def test_a_key_that_no_header_can_hold_is_refused_without_showing_it() -> None:
    with pytest.raises(StartupError) as raised:
        RerankServer(url="http://localhost", api_key="two words\n", model=None, time_limit=1)
    assert "two words" not in json.dumps(str(raised.value.detail))
