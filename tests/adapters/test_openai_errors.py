"""The translation of a provider's errors by the adapters, against a server that sends them."""

import email.utils
import time
from collections.abc import Iterator
from typing import Any

import pytest

from app.adapters.openai.chat import OpenAIChat
from app.adapters.openai.embeddings import OpenAIEmbedder
from app.adapters.openai.errors import read_retry_after
from app.domain.errors import (
    ProviderBusyError,
    ProviderCredentialsError,
    ProviderDownError,
    ProviderRequestError,
    SluiceError,
)
from tests.adapters.openai_protocol import Reply
from tests.adapters.openai_server import KEY, OpenAIServer, run_openai

EMBEDDINGS, CHAT = "openai-embeddings", "openai-chat"


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    with run_openai() as server:
        yield server


async def ask(server: OpenAIServer, provider: str = EMBEDDINGS, *, key: str = KEY) -> SluiceError:
    """Send one request; returns its error."""
    embedder = OpenAIEmbedder(
        api_key=key, base_url=server.url, model="text-embedding-3-small", dimensions=None, time_limit=5
    )
    chat = OpenAIChat(api_key=key, base_url=server.url, model="gpt-4o-mini", time_limit=5)
    asking = embedder.embed(["a gate"]) if provider == EMBEDDINGS else chat.complete("Answer.", "Well?", max_tokens=50)
    with pytest.raises(SluiceError) as failure:
        await asking
    return failure.value


def say(message: str, **fields: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None, **fields}}


@pytest.mark.parametrize("provider", [EMBEDDINGS, CHAT])
@pytest.mark.parametrize(
    ("status", "fields", "expected"),
    [
        (400, {}, ProviderRequestError),
        (401, {}, ProviderCredentialsError),
        (402, {}, ProviderCredentialsError),
        (403, {}, ProviderCredentialsError),
        (404, {"code": "model_not_found"}, ProviderCredentialsError),
        (404, {}, ProviderCredentialsError),
        (400, {"code": "model_not_found"}, ProviderCredentialsError),
        (408, {}, ProviderDownError),
        (409, {}, ProviderDownError),
        (413, {}, ProviderRequestError),
        (422, {}, ProviderRequestError),
        (429, {}, ProviderBusyError),
        (429, {"code": 1302}, ProviderBusyError),
        (429, {"code": "insufficient_quota"}, ProviderCredentialsError),
        (429, {"type": "insufficient_quota"}, ProviderCredentialsError),
        (500, {}, ProviderDownError),
        (502, {}, ProviderDownError),
        (503, {}, ProviderDownError),
        (529, {}, ProviderDownError),
    ],
)
async def test_a_status_becomes_an_error_that_names_the_provider_and_says_what_it_said(
    server: OpenAIServer, provider: str, status: int, fields: dict[str, Any], expected: type[SluiceError]
) -> None:
    server.answers.append(Reply(status, say("Something is\nthe matter.", **fields)))
    error = await ask(server, provider)
    assert type(error) is expected
    assert error.detail is not None
    assert error.detail.startswith(f"{provider} answered {status}: Something is the matter. (request req_")


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_how_long_to_wait_is_kept_wherever_the_server_names_it(server: OpenAIServer, status: int) -> None:
    server.answers.append(Reply(status, say("Wait."), {"retry-after": "17"}))
    assert (await ask(server)).retry_after == 17
    server.answers.append(Reply(status, say("Wait.")))
    assert (await ask(server)).retry_after is None


async def test_a_reached_limit_states_the_time_until_capacity_returns() -> None:
    with run_openai(requests_per_minute=1) as server:
        embedder = OpenAIEmbedder(
            api_key=KEY, base_url=server.url, model="text-embedding-3-small", dimensions=None, time_limit=5
        )
        await embedder.embed(["a gate"])
        error = await ask(server)
    assert isinstance(error, ProviderBusyError)
    assert error.retry_after is not None
    assert 50 < error.retry_after <= 60


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "-5"}, 0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "1e12"}, 86_400),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({"retry-after": "Wed, 99 Oct 99999999999999999999 07:28:00 GMT"}, None),
        ({"retry-after-ms": "120", "retry-after": "1"}, 0.12),
        ({"retry-after-ms": "?", "retry-after": "1"}, 1),
        ({"x-ratelimit-reset-requests": "6m0s"}, 360),
        ({"x-ratelimit-reset-requests": "1h2m3.5s"}, 3723.5),
        ({"x-ratelimit-reset-tokens": "120ms"}, 0.12),
        ({"x-ratelimit-reset-tokens": "7"}, 7),
        ({"x-ratelimit-reset-tokens": "a while"}, None),
        ({"x-ratelimit-reset-tokens": "3s", "x-ratelimit-reset-requests": "9s"}, 3),
        (
            {
                "x-ratelimit-reset-tokens": "3s",
                "x-ratelimit-reset-requests": "9s",
                "x-ratelimit-remaining-tokens": "80",
                "x-ratelimit-remaining-requests": "0",
            },
            9,
        ),
        ({"retry-after": "2", "x-ratelimit-reset-requests": "9s"}, 2),
    ],
)
def test_every_way_of_saying_how_long_is_understood(headers: dict[str, str], seconds: float | None) -> None:
    assert read_retry_after(headers) == (None if seconds is None else pytest.approx(seconds))


def test_a_date_is_the_time_until_then() -> None:
    wait = read_retry_after({"retry-after": email.utils.formatdate(time.time() + 90, usegmt=True)})
    assert wait is not None
    assert 80 < wait <= 90


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": "The model is loading."}, "The model is loading."),
        ({"message": "Too large."}, "Too large."),
        ({"detail": "Not here."}, "Not here."),
        (
            {"detail": [{"loc": ["body", "input"], "msg": "Field required"}, {"msg": "And more"}]},
            "['body', 'input']: Field required; And more",
        ),
        ({"object": "error", "message": "Bad.", "code": 400}, "Bad."),
        (b"upstream connect error", "upstream connect error"),
    ],
    ids=str,
)
async def test_what_other_servers_say_is_found(server: OpenAIServer, body: Any, said: str) -> None:
    server.answers.append(Reply(503, body))
    assert f"answered 503: {said} (request" in (await ask(server)).message


@pytest.mark.parametrize("body", [b"<html><h1>Bad gateway</h1></html>", b"", b"\xff\xfe\x00", {}, [], None, 7])
async def test_a_body_that_says_nothing_is_left_out(server: OpenAIServer, body: Any) -> None:
    server.answers.append(Reply(502, body))
    error = await ask(server)
    assert isinstance(error, ProviderDownError)
    assert "answered 502" in error.message
    assert "html" not in error.message


async def test_a_long_message_is_cut_and_put_on_one_line(server: OpenAIServer) -> None:
    server.answers.append(Reply(400, say("tokens\n " * 5000)))
    message = (await ask(server)).message
    assert len(message) < 500
    assert "\n" not in message


@pytest.mark.parametrize("provider", [EMBEDDINGS, CHAT])
async def test_the_key_is_in_no_message_though_the_server_repeats_it(server: OpenAIServer, provider: str) -> None:
    for key in ("sk-proj-4f0a2b-not-a-known-key", "another-form-of-key-0123456789"):
        error = await ask(server, provider, key=key)
        assert isinstance(error, ProviderCredentialsError)
        assert "Incorrect API key provided: ***" in error.message
        assert key not in error.message
        assert error.__cause__ is None
        assert error.__suppress_context__


async def test_without_a_key_nothing_is_taken_for_one(server: OpenAIServer) -> None:
    server.answers.append(Reply(429, say("There is none left.")))
    embedder = OpenAIEmbedder(
        api_key=None, base_url=server.url, model="text-embedding-3-small", dimensions=None, time_limit=5
    )
    server.adjust(keys=())
    with pytest.raises(ProviderBusyError, match=r"There is none left\."):
        await embedder.embed(["a gate"])
    server.adjust(keys=(KEY,))


async def test_a_masked_key_is_left_out_as_well(server: OpenAIServer) -> None:
    server.answers.append(Reply(401, say("Incorrect API key provided: sk-proj-****************wxyz. See the docs.")))
    message = (await ask(server)).message
    assert "wxyz" not in message
    assert "See the docs." in message
