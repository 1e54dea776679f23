"""Snippets are made at once where that is quick, and otherwise in a thread, so that other requests go on."""

import threading
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from app.domain.identity import Access
from app.pipeline.words.snippet import Snippet, make_snippets
from app.services.search import results as module
from app.services.search.results import Results

WORDS = "The heron waits at the Alder Gate. "


@pytest.mark.parametrize(
    ("query", "texts", "at_once"),
    [
        ("heron", [WORDS * 30] * 20, True),
        (WORDS * 50, [WORDS * 250] * 20, False),
        ("heron at the gate", [WORDS * 250] * 100, False),
    ],
    ids=["short", "long query", "long texts"],
)
async def test_only_short_work_is_done_on_the_event_loop(
    query: str, texts: list[str], at_once: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = set()

    def make(query: str, texts: Sequence[str]) -> list[Snippet]:
        threads.add(threading.current_thread())
        return make_snippets(query, texts)

    async def rank(*_: object, **__: object) -> Any:
        return SimpleNamespace(
            hits=[SimpleNamespace(hit=SimpleNamespace(text=text), rerank_score=None) for text in texts]
        )

    monkeypatch.setattr(module, "make_snippets", make)
    agents: Any = SimpleNamespace(rank=rank)
    unused: Any = None
    found = await Results(agents, unused, unused).find(Access(1), [1], query, top_k=len(texts))
    assert len(found.results) == len(texts)
    assert (threads == {threading.current_thread()}) is at_once
