"""OpenAI's embedder, beyond the contract of every embedder (test_embedder.py)."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from app.adapters.openai.embeddings import OpenAIEmbedder
from app.adapters.openai.tokens import TokenCounter
from app.domain.errors import ProviderDownError, ProviderRequestError, StartupError
from tests.adapters.openai_protocol import DIMENSIONS, Protocol, Reply
from tests.adapters.openai_server import KEY, OpenAIServer, run_openai
from tests.deadlines import wait_until

SMALL = "text-embedding-3-small"


@pytest.fixture(scope="module")
def served() -> Iterator[OpenAIServer]:
    with run_openai() as server:
        yield server


@pytest.fixture
def server(served: OpenAIServer) -> OpenAIServer:
    served.answers.clear()
    served.requests.clear()
    served.paid.clear()
    return served


def make(server: OpenAIServer, **changes: Any) -> OpenAIEmbedder:
    settings = {"api_key": KEY, "base_url": server.url, "model": SMALL, "dimensions": None, "time_limit": 10}
    return OpenAIEmbedder(**{**settings, **changes})


@pytest.fixture
def embedder(server: OpenAIServer) -> OpenAIEmbedder:
    return make(server)


def rows(*vectors: Any) -> dict[str, Any]:
    return {"data": [{"index": index, "embedding": vector} for index, vector in enumerate(vectors)]}


async def test_one_batch_is_one_request_and_the_tokens_are_those_charged(
    server: OpenAIServer, embedder: OpenAIEmbedder
) -> None:
    texts = [f"The draught at gate {number} is 4 metres." for number in range(250)]
    batches = embedder.batches(texts)
    charged = [(await embedder.embed(texts[batch.start : batch.end])).tokens for batch in batches]
    assert [batch.end - batch.start for batch in batches] == [100, 100, 50]
    assert [len(asked.texts) for asked in server.requests] == [100, 100, 50]
    assert [batch.tokens for batch in batches] == charged == [asked.tokens for asked in server.requests]


def test_a_batch_never_holds_more_tokens_than_a_request_may(embedder: OpenAIEmbedder) -> None:
    texts = ["ship " * 5000] * 30 + ["a"] + ["船闸" * 4000] * 30
    batches = embedder.batches(texts)
    assert max(batch.tokens for batch in batches) <= 100_000
    assert all(sum(b.tokens for b in pair) > 100_000 for pair in pairwise(batches))


def test_a_server_that_takes_fewer_texts_is_given_fewer(server: OpenAIServer) -> None:
    batches = make(server, texts=10).batches(["a"] * 25)
    assert [(batch.start, batch.end) for batch in batches] == [(0, 10), (10, 20), (20, 25)]


async def test_a_text_that_is_too_long_is_cut_between_two_tokens(
    server: OpenAIServer, embedder: OpenAIEmbedder
) -> None:
    (batch,) = embedder.batches(["ship " * 9000])
    embedded = await embedder.embed(["ship " * 9000])
    assert batch.tokens == embedded.tokens == 8191
    assert server.requests[-1].texts == (("ship " * 8191).rstrip(),)


@pytest.mark.parametrize("text", ["👩‍👩‍👧‍👦" * 3000, "船闸管理员" * 4000, "é\u0301ü" * 9000, " \n\t" * 20_000])
def test_a_cut_never_splits_a_character_nor_leaves_too_many_tokens(text: str) -> None:
    tokens = TokenCounter()
    for limit in (1, 2, 3, 100, 101, 102, 8191):
        cut, count = tokens.cut(text, limit)
        assert text.startswith(cut)
        assert tokens.count(cut) == count <= limit
        assert limit < 8 or count >= limit - 8


async def test_halves_of_characters_are_replaced(server: OpenAIServer, embedder: OpenAIEmbedder) -> None:
    await embedder.embed(["a \ud83d gate"])
    assert server.requests[-1].texts == ("a ? gate",)


async def test_vectors_are_put_in_order_and_to_unit_length() -> None:
    texts = [f"text {number}" for number in range(40)]
    with run_openai(Protocol(reverse=True, scale=7.5)) as odd, run_openai() as plain:
        expected, found = [(await make(server).embed(texts)).vectors for server in (plain, odd)]
    for one, other in zip(expected, found, strict=True):
        assert list(other) == pytest.approx(list(one), abs=1e-6)


async def test_fewer_dimensions_are_asked_for_only_when_some_are_given(
    server: OpenAIServer, embedder: OpenAIEmbedder
) -> None:
    short = make(server, dimensions=64)
    assert (embedder.model, short.model) == (SMALL, f"{SMALL}:64")
    assert [len((await one.embed(["a"])).vectors[0]) for one in (embedder, short)] == [DIMENSIONS, 64]
    oldest = make(server, model="text-embedding-ada-002")
    assert len((await oldest.embed(["a"])).vectors[0]) == DIMENSIONS  # this model rejects the parameter itself


async def test_a_server_that_tells_no_usage_and_no_index_is_understood(
    server: OpenAIServer, embedder: OpenAIEmbedder
) -> None:
    server.answers.append(Reply(200, {"data": [{"embedding": [3, 4]}, {"embedding": [0, 2]}]}))
    embedded = await embedder.embed(["one", "two words"])
    assert [list(vector) for vector in embedded.vectors] == [pytest.approx([0.6, 0.8]), [0, 1]]
    assert embedded.tokens == 3


async def test_a_server_without_keys_is_asked_without_one() -> None:
    with run_openai(keys=()) as server:
        assert (await make(server, api_key=None).embed(["a"])).vectors


@pytest.mark.parametrize(
    "body",
    [
        rows([1, 0]),
        rows([1, 0], [0, 1], [1, 1]),
        rows([1, 0], [0, 1, 0]),
        rows([], []),
        rows([1, None], [0, 1]),
        rows([1, float("nan")], [0, 1]),
        rows(["a"], ["b"]),
        rows(1, 2),
        rows([[1, 0]], [[0, 1]]),
        {"data": [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [2]}]},
        {"data": [{"index": 1, "embedding": [1]}, {"index": 2, "embedding": [2]}]},
        {"data": None},
        {"data": []},
        {},
        [],
        None,
        b"",
        b"<html>Welcome</html>",
        b'{"data": [',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
    ids=lambda body: repr(body)[:60],
)
async def test_an_answer_without_the_vectors_asked_for_is_a_provider_that_is_down(
    server: OpenAIServer, embedder: OpenAIEmbedder, body: Any
) -> None:
    server.answers.append(Reply(200, body))
    with pytest.raises(ProviderDownError, match="openai-embeddings answered"):
        await embedder.embed(["one", "two"])


async def test_a_failed_request_is_not_repeated(server: OpenAIServer, embedder: OpenAIEmbedder) -> None:
    server.answers += [Reply(500, {}), Reply(429, {}), Reply(400, {"error": {"message": "no"}})]
    for failure in (ProviderDownError, Exception, ProviderRequestError):
        with pytest.raises(failure):
            await embedder.embed(["a"])
    assert [asked.status for asked in server.requests] == [500, 429, 400]


async def test_an_answer_is_waited_for_no_longer_than_the_limit() -> None:
    with run_openai(delay=30) as server, pytest.raises(ProviderDownError, match=r"did not answer within 0\.2 s"):
        await make(server, time_limit=0.2).embed(["a"])


async def test_a_server_that_hangs_up_or_is_away_is_down_and_may_come_back() -> None:
    with run_openai() as server:
        embedder = make(server)
        await embedder.embed(["a"])
        server.adjust(down=True)
        with pytest.raises(ProviderDownError, match="cannot be reached"):
            await embedder.embed(["a"])
        server.stop()
        with pytest.raises(ProviderDownError, match="cannot be reached"):
            await embedder.embed(["a"])
        server.start()
        server.adjust(down=False)
        assert (await embedder.embed(["a"])).vectors


async def test_an_abandoned_request_leaves_the_next_ones_unharmed(
    server: OpenAIServer, embedder: OpenAIEmbedder
) -> None:
    server.adjust(delay=0.2)
    try:
        asking = asyncio.create_task(embedder.embed(["a"]))
        await wait_until(lambda: server._accepted, "the request to arrive")
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    finally:
        server.adjust(delay=0.0)
    assert (await embedder.embed(["b"])).vectors


def test_a_key_is_needed_unless_another_server_is_named(server: OpenAIServer) -> None:
    with pytest.raises(StartupError, match="OPENAI_API_KEY is not set"):
        make(server, api_key=None, base_url=None)
    with pytest.raises(StartupError, match="OPENAI_API_KEY is not set"):
        make(server, api_key="", base_url="")


@pytest.mark.parametrize("key", ["sk-für", "sk-a b", "sk-a\nb"])
def test_what_cannot_be_a_key_is_refused_without_being_repeated(server: OpenAIServer, key: str) -> None:
    with pytest.raises(StartupError) as failure:
        make(server, api_key=key)
    assert key not in str(failure.value)
    assert "OPENAI_API_KEY" in str(failure.value)


def test_a_missing_tokenizer_is_named(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.adapters.packages.find_spec", lambda _: None)
    with pytest.raises(StartupError, match="bpe-openai"):
        make(server)


def test_counting_tokens_loads_no_second_vocabulary() -> None:
    program = (
        "import sys; from app.adapters.openai.tokens import TokenCounter; TokenCounter().count('a');"
        "assert 'bpe_openai' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONPATH": "."})
