"""Answers of a language model: passages fit the context, costs are counted once, follow-up questions are rewritten."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from app.db.engine import Database
from app.domain.errors import ProviderContextError, ProviderDownError
from app.services.answers.conversation import Conversation
from app.services.answers.generation import Usage
from app.services.providers.calls import ProviderCalls
from tests.adapters.openai_protocol import Messages, Reply, stream
from tests.adapters.openai_server import OpenAIServer
from tests.services.answering import ACCOUNT, PASSAGES, QUESTION, Sink, delta, make_generation, make_hits, raw, whole

LONG = " ".join(f"Lock {number} opens at dawn and takes three barges at a time." for number in range(60))
TOO_LONG = Reply(
    400,
    {
        "error": {
            "message": "This model's maximum context length is 4096 tokens. However, you requested 9000 tokens.",
            "code": "context_length_exceeded",
        }
    },
)
HISTORY = [
    {"role": "user", "content": "What is the maximum draught at the Alder Gate?"},
    {"role": "assistant", "content": "It is 2.4 metres. [1]"},
]


@pytest.fixture
def prompts(server: OpenAIServer) -> list[str]:
    """What the model receives; it answers with a sentence of a passage."""
    received: list[str] = []

    def write(messages: Messages) -> str:
        received.append(str(messages[-1]["content"]))
        return "Lock 0 opens at dawn [1]."

    server.protocol.write = write
    return received


async def list_usage(database: Database) -> list[tuple[int, int, int]]:
    async with database.statement() as connection:
        rows = await connection.execute(text("SELECT requests, input_tokens, output_tokens FROM provider_usage"))
        return [tuple(row) for row in rows]


@pytest.mark.parametrize(("context", "most"), [(16_000, 20), (4_000, 4), (1_000, 1)])
async def test_fewer_and_shorter_passages_are_sent_where_all_of_them_do_not_fit(
    server: OpenAIServer, database: Database, providers: ProviderCalls, prompts: list[str], context: int, most: int
) -> None:
    generation = make_generation(database, providers, server, context=context, answer=200)
    result = await generation.answer(ACCOUNT, QUESTION, make_hits([LONG] * 20))
    assert result["answered"]
    [prompt] = prompts
    assert 1 <= prompt.count("number=") <= most
    [request] = server.requests
    assert request.tokens + 200 <= context


async def test_a_model_whose_context_is_shorter_than_set_receives_fewer_passages(
    server: OpenAIServer, database: Database, providers: ProviderCalls, prompts: list[str]
) -> None:
    server.answers += [TOO_LONG, TOO_LONG]
    result = await make_generation(database, providers, server).answer(ACCOUNT, QUESTION, make_hits([LONG] * 20))
    assert result["answered"]
    first, second, third = (request.tokens for request in server.requests)
    assert third < 0.7 * second < 0.5 * first
    assert len(prompts) == 1


async def test_a_context_that_is_too_short_for_one_passage_fails_with_a_code(
    server: OpenAIServer, database: Database, providers: ProviderCalls
) -> None:
    server.answers += [TOO_LONG] * 9
    with pytest.raises(ProviderContextError) as raised:
        await make_generation(database, providers, server).answer(ACCOUNT, QUESTION, make_hits([LONG] * 20))
    assert raised.value.code == "provider_context_exceeded"
    assert len(server.requests) == 5


async def test_tokens_are_counted_once_for_each_request(
    server: OpenAIServer, database: Database, providers: ProviderCalls, prompts: list[str]
) -> None:
    usage = Usage()
    generation = make_generation(database, providers, server)
    question = await Conversation(generation).rewrite(ACCOUNT, "And when does it shut?", HISTORY, usage)
    result = await generation.answer(ACCOUNT, question, make_hits([LONG]), usage=usage)
    [(requests, asked, written)] = await list_usage(database)
    assert requests == len(prompts) == 2
    assert result["usage"] == {"input_tokens": asked, "output_tokens": written}
    assert asked == sum(request.tokens + 3 for request in server.requests)


async def test_an_answer_that_breaks_off_is_charged_for_what_has_arrived(
    server: OpenAIServer, database: Database, providers: ProviderCalls
) -> None:
    server.answers.append(raw([delta(content="The gate shuts at dusk [1]. Herons")]))
    sink = Sink()
    with pytest.raises(ProviderDownError):
        await make_generation(database, providers, server).answer(ACCOUNT, QUESTION, make_hits(PASSAGES), sink)
    assert sink.text == "The gate shuts at dusk [1]."
    [(requests, asked, written)] = await list_usage(database)
    assert requests == 1
    assert asked > written > 0


async def test_a_provider_that_stops_sending_is_given_up_after_the_time_limit(
    server: OpenAIServer, database: Database, providers: ProviderCalls
) -> None:
    opened = asyncio.Event()
    loop = asyncio.get_running_loop()

    def pieces() -> Iterator[Any]:
        yield delta(content="The gate ")
        yield b": still here\n\n"
        asyncio.run_coroutine_threadsafe(opened.wait(), loop).result()

    server.answers.append(raw(pieces()))
    generation = make_generation(database, providers, server, time_limit=0.5)
    with pytest.raises(ProviderDownError, match="sent nothing for"):
        await generation.answer(ACCOUNT, QUESTION, make_hits(PASSAGES))
    opened.set()


@pytest.mark.parametrize("parameter", ["stream_options", "stream"])
async def test_a_server_that_rejects_streams_is_asked_without_them(
    server: OpenAIServer, database: Database, providers: ProviderCalls, prompts: list[str], parameter: str
) -> None:
    server.answers.append(Reply(400, {"error": {"message": f"Unknown parameter: {parameter}"}}))
    generation = make_generation(database, providers, server)
    result = await generation.answer(ACCOUNT, QUESTION, make_hits([LONG]))
    assert result["answered"]
    assert len(server.requests) == 2
    await generation.answer(ACCOUNT, QUESTION, make_hits([LONG]))
    assert (len(server.requests), len(prompts)) == (3, 2), "it is known from then on"


@pytest.mark.parametrize(
    ("reply", "rewritten"),
    [
        (whole("When does the Alder Gate shut?"), "When does the Alder Gate shut?"),
        (whole('<think>Which gate?</think>\n"When does the Alder Gate shut?"'), "When does the Alder Gate shut?"),
        (whole("I cannot help with that."), "And when does it shut? (Alder Gate)"),
        (whole("x" * 5000), "And when does it shut? (Alder Gate)"),
        (whole(None), "And when does it shut? (Alder Gate)"),
        (whole(None, refusal="No."), "And when does it shut? (Alder Gate)"),
        (Reply(400, {"error": {"message": "Bad request."}}), "And when does it shut? (Alder Gate)"),
    ],
    ids=["a question", "with reasoning", "a refusal", "too long", "nothing", "a refusal as a member", "a rejection"],
)
async def test_a_follow_up_question_is_rewritten_by_the_model_or_by_the_rule(
    server: OpenAIServer, database: Database, providers: ProviderCalls, reply: Reply, rewritten: str
) -> None:
    server.answers.append(reply)
    conversation = Conversation(make_generation(database, providers, server))
    assert await conversation.rewrite(ACCOUNT, "And when does it shut?", HISTORY, Usage()) == rewritten


async def test_a_question_without_history_costs_no_request(
    server: OpenAIServer, database: Database, providers: ProviderCalls
) -> None:
    conversation = Conversation(make_generation(database, providers, server))
    assert await conversation.rewrite(ACCOUNT, "When does it shut?", [], Usage()) == "When does it shut?"
    assert server.requests == []


async def test_sentences_are_released_while_the_rest_is_still_being_written(
    server: OpenAIServer, database: Database, providers: ProviderCalls
) -> None:
    sink, released, loop = Sink(), asyncio.Event(), asyncio.get_running_loop()
    sink.on_send = released.set

    def pieces() -> Iterator[str]:
        yield "What is known: it shuts at dusk [1]. Herons nest"
        asyncio.run_coroutine_threadsafe(released.wait(), loop).result()
        yield " in the reeds [2]."

    server.answers.append(stream(pieces()))
    result = await make_generation(database, providers, server).answer(ACCOUNT, QUESTION, make_hits(PASSAGES), sink)
    assert [len(sentence["citations"]) for sentence in sink.sentences] == [1, 1]
    assert sink.text == result["answer"]
