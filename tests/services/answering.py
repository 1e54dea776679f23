"""A language model behind a scripted server, which answers from passages that a test chooses."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from app.adapters.embedders.wordllama import WordLlamaEmbedder
from app.adapters.openai.chat import OpenAIChat
from app.db.engine import Database
from app.db.search.ranking import Hit
from app.domain.vectors import Account
from app.services.answers.generation import ChatLimits, Generation
from app.services.providers.calls import ProviderCalls
from tests.adapters.openai_protocol import Reply
from tests.adapters.openai_server import KEY, OpenAIServer

GATE = "The Alder Gate was built in 1911. It takes barges of up to 2.4 metres of draught. It shuts at dusk."
HERON = "Herons nest in the reeds. They wait for the evening boat at Coldharbour."
BARGE = "A barge pays four pence a ton.\n\nBoats of the trust pay nothing."
PASSAGES = (GATE, HERON, BARGE)
QUESTION = "What is known about the Alder Gate, its herons and the tolls?"
ACCOUNT = Account(1, 1)


def make_hits(passages: Sequence[str]) -> list[Hit]:
    """Hits with these texts, each of a document of its own."""
    return [
        Hit(
            agent_id=1,
            document_id=number,
            edition=1,
            ordinal=0,
            filename=f"{number}.txt",
            chunk_id=number,
            text=text,
            context="",
            score=1.0,
            page=1,
            start=1000 * number,
            end=1000 * number + len(text),
            metadata={},
        )
        for number, text in enumerate(passages, 1)
    ]


def make_generation(
    database: Database, providers: ProviderCalls, server: OpenAIServer, *, time_limit: float = 10.0, **limits: Any
) -> Generation:
    """The service on a model of the server."""
    chat = OpenAIChat(api_key=KEY, base_url=server.url, model="gpt-4o-mini", time_limit=time_limit)
    chosen = ChatLimits(**({"context": 16_000, "share": 0.7, "answer": 500} | limits))
    return Generation(database, providers, chat, chosen, WordLlamaEmbedder())


class Sink:
    """Records what clients receive."""

    def __init__(self) -> None:
        self.sentences: list[Mapping[str, Any]] = []
        self.restarts = 0
        self.on_send: Callable[[], None] = lambda: None

    @property
    def text(self) -> str:
        """The text that a client shows in the end."""
        return "".join(sentence["text"] for sentence in self.sentences)

    async def send(self, sentences: Sequence[Mapping[str, Any]]) -> None:
        """Record sentences."""
        self.sentences += sentences
        self.on_send()

    async def restart(self) -> None:
        """Discard them, as a client does."""
        self.sentences.clear()
        self.restarts += 1


def whole(content: Any, finish_reason: str | None = "stop", **message: Any) -> Reply:
    """A completion in one JSON document, as a server sends it that ignores ``stream``."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **message}}
    return Reply(200, {"choices": [{**choice, "finish_reason": finish_reason}]})


def raw(events: Iterable[Any]) -> Reply:
    """A stream of these events, each JSON or a line as it is."""

    def write(event: Any) -> bytes:
        return event if isinstance(event, bytes) else b"data: " + json.dumps(event).encode() + b"\n\n"

    return Reply(200, map(write, events), {"content-type": "text/event-stream"})


def delta(**members: Any) -> dict[str, Any]:
    """An event whose delta has these members."""
    return {"choices": [{"index": 0, "delta": members}]}


def end(reason: object = "stop") -> dict[str, Any]:
    """The last event, with the reason."""
    return {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
