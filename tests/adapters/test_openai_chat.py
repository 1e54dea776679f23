"""Answers of language models that use OpenAI's protocol."""

import asyncio
from typing import Any

import pytest

from app.adapters.openai.chat import OpenAIChat
from app.domain.errors import ProviderDownError, ProviderRequestError
from tests.adapters.openai_protocol import Messages, Reply
from tests.adapters.openai_server import KEY, OpenAIServer


def make(server: OpenAIServer, model: str = "gpt-4o-mini") -> OpenAIChat:
    return OpenAIChat(api_key=KEY, base_url=server.url, model=model, time_limit=10)


def reply(content: Any, finish_reason: str = "stop", **message: Any) -> Reply:
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **message}}
    return Reply(200, {"choices": [{**choice, "finish_reason": finish_reason}]})


async def test_a_question_is_answered_and_the_tokens_are_those_charged(server: OpenAIServer) -> None:
    heard: list[Any] = []

    def write(messages: Messages) -> str:
        heard.extend(messages)
        return "Four metres."

    server.protocol.write = write
    chat = make(server)
    completion = await chat.complete("Answer briefly.", "How deep may a ship be?", max_tokens=50)
    assert completion.text == "Four metres."
    assert (completion.input_tokens, completion.output_tokens) == (19, 3)
    assert heard == [
        {"role": "system", "content": "Answer briefly."},
        {"role": "user", "content": "How deep may a ship be?"},
    ]
    assert (chat.model, chat.provider) == ("gpt-4o-mini", "openai-chat")


@pytest.mark.parametrize(
    ("model", "statuses"),
    [("gpt-4o-mini", [200, 200]), ("of-another-maker", [200, 200]), ("gpt-5-mini", [400, 200, 200])],
)
async def test_the_limit_goes_by_the_name_that_the_model_knows_which_is_asked_for_once(
    server: OpenAIServer, model: str, statuses: list[int]
) -> None:
    server.protocol.write = lambda _: "word " * 500
    chat = make(server, model)
    for _ in range(2):
        assert (await chat.complete("Answer.", "Well?", max_tokens=20)).output_tokens == 20
    assert [asked.status for asked in server.requests] == statuses


@pytest.mark.parametrize(
    ("model", "statuses"),
    [("gpt-5-mini", [200, 200]), ("of-another-maker", [422, 200, 200])],
)
async def test_openai_itself_is_asked_by_the_new_name_first(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch, model: str, statuses: list[int]
) -> None:
    monkeypatch.setattr("app.adapters.openai.client._OPENAI", server.url)
    server.protocol.write = lambda _: "word " * 500
    chat = OpenAIChat(api_key=KEY, base_url=None, model=model, time_limit=10)
    for _ in range(2):
        assert (await chat.complete("Answer.", "Well?", max_tokens=20)).output_tokens == 20
    assert [asked.status for asked in server.requests] == statuses


async def test_any_other_rejection_is_not_asked_again(server: OpenAIServer) -> None:
    server.answers.append(Reply(400, {"error": {"message": "The messages are too long."}}))
    with pytest.raises(ProviderRequestError, match="too long"):
        await make(server).complete("Answer.", "Well?", max_tokens=20)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "failure", "says"),
    [
        (reply("", "length"), ProviderRequestError, "used all 20 tokens before it answered"),
        (reply(None, "length"), ProviderRequestError, "used all 20 tokens before it answered"),
        (reply("", "content_filter"), ProviderRequestError, "content filter"),
        (reply("The first ha", "content_filter"), ProviderRequestError, "content filter"),
        (reply(None, refusal="I cannot help with that."), ProviderRequestError, "refused"),
        (reply(""), ProviderDownError, "is empty"),
        (reply(" \n"), ProviderDownError, "is empty"),
        (reply(None), ProviderDownError, "is empty"),
        (reply(["a"]), ProviderDownError, "is empty"),
        (Reply(200, {"choices": []}), ProviderDownError, "cannot be read"),
        (Reply(200, {"choices": [{"message": None}]}), ProviderDownError, "cannot be read"),
        (Reply(200, {"choices": [7]}), ProviderDownError, "cannot be read"),
        (Reply(200, {}), ProviderDownError, "cannot be read"),
        (Reply(200, b"<html>"), ProviderDownError, "cannot be read"),
        (Reply(200, b""), ProviderDownError, "cannot be read"),
    ],
)
async def test_an_answer_without_an_answer_fails_as_fits(
    server: OpenAIServer, answer: Reply, failure: type[Exception], says: str
) -> None:
    server.answers.append(answer)
    with pytest.raises(failure, match=says):
        await make(server).complete("Answer.", "Well?", max_tokens=20)


async def test_an_answer_that_was_cut_off_is_an_answer(server: OpenAIServer) -> None:
    server.answers.append(reply("The draught is", "length"))
    assert (await make(server).complete("Answer.", "Well?", max_tokens=3)).text == "The draught is"


async def test_tokens_are_counted_where_the_server_tells_none(server: OpenAIServer) -> None:
    server.answers.append(reply("Four metres."))
    chat = make(server)
    completion = await chat.complete("Answer.", "How deep?", max_tokens=50)
    assert completion.input_tokens == chat.count_tokens("Answer.") + chat.count_tokens("How deep?")
    assert completion.output_tokens == chat.count_tokens("Four metres.") == 3


async def test_what_no_database_can_store_is_left_out(server: OpenAIServer) -> None:
    server.answers.append(reply("Four\0 metres \ud83d."))
    assert (await make(server).complete("An\udc00swer.", "Well?", max_tokens=20)).text == "Four metres ?."


def test_it_serves_one_event_loop_after_another_and_may_be_closed_twice(server: OpenAIServer) -> None:
    server.protocol.write = lambda _: "Yes."
    chat = make(server)

    async def ask() -> str:
        text = (await chat.complete("Answer.", "Well?", max_tokens=20)).text
        await chat.close()
        await chat.close()
        return text

    # A new event loop each time is what this test is about.
    assert [asyncio.run(ask()) for _ in range(2)] == ["Yes.", "Yes."]
