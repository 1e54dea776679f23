"""The server for tests obeys its terms and counts correctly, which other tests rely on."""

import os
import threading
from typing import Any

import httpx
import pytest

from tests.adapters.openai_process import run_openai_process
from tests.adapters.openai_server import KEY, OpenAIServer, run_openai
from tests.deadlines import deadline, within


def ask(url: str, texts: Any = ("a gate",), *, key: str = KEY, **fields: Any) -> httpx.Response:
    body = {"model": "text-embedding-3-small", "input": list(texts) if isinstance(texts, tuple) else texts, **fields}
    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(trust_env=False, timeout=deadline(20)) as client:
        return client.post(f"{url}/embeddings", json=body, headers=headers)


def test_a_request_over_the_limit_is_answered_429_until_the_minute_is_over() -> None:
    with run_openai(requests_per_minute=3) as server:
        server.clock = lambda: 1000.0
        answers = [ask(server.url) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert (answers[3].headers["retry-after"], answers[3].headers["retry-after-ms"]) == ("60", "60000")
        assert [answer.headers["x-ratelimit-remaining-requests"] for answer in answers] == ["2", "1", "0", "0", "0"]
        server.clock = lambda: 1059.0
        assert ask(server.url).headers["retry-after"] == "1"
        server.clock = lambda: 1060.0
        assert ask(server.url).status_code == 200
        assert server.over_limit == 3
        assert server.paid["a gate"] == 4
        assert server.count_busiest(61) == len(server.requests) == 7


def test_tokens_are_limited_too() -> None:
    with run_openai(tokens_per_minute=20) as server:
        answers = [ask(server.url, ("ship " * 15,)) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 429]


def test_failures_come_again_the_same_by_the_same_seed() -> None:
    def run(seed: int) -> list[int]:
        with run_openai(share_of_429=0.3, share_of_500=0.3, seed=seed) as server:
            return [ask(server.url).status_code for _ in range(40)]

    first, again, other = run(1), run(1), run(2)
    assert first == again != other
    assert {200, 429, 500} == set(first)


def test_what_is_embedded_twice_is_told_and_what_failed_is_not_paid_for() -> None:
    with run_openai(share_of_500=1.0) as server:
        ask(server.url, ("one", "two"))
        assert not server.paid
        server.adjust(share_of_500=0.0)
        ask(server.url, ("one", "two"))
        assert server.paid_twice == {}
        ask(server.url, ("two", "three"))
        assert server.paid_twice == {"two": 2}
        assert [asked.texts for asked in server.requests] == [("one", "two"), ("one", "two"), ("two", "three")]


@pytest.mark.parametrize(
    ("texts", "fields", "key", "status"),
    [
        ("one text", {}, KEY, 200),
        ("one text", {}, "sk-wrong", 401),
        ("", {}, KEY, 400),
        ((), {}, KEY, 400),
        ((1, 2, 3), {}, KEY, 400),
        (("a",) * 2049, {}, KEY, 400),
        (("ship " * 8200,), {}, KEY, 400),
        (("ship " * 8000,) * 40, {}, KEY, 400),
        (("a",), {"model": "unknown"}, KEY, 404),
        (("a",), {"dimensions": 16}, KEY, 200),
        (("a",), {"dimensions": 257}, KEY, 400),
        (("a",), {"encoding_format": "hex"}, KEY, 400),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_requests_are_checked_as_openai_checks_them(texts: Any, fields: dict[str, Any], key: str, status: int) -> None:
    with run_openai() as server:
        answer = ask(server.url, texts, key=key, **fields)
    assert answer.status_code == status
    assert answer.headers["x-request-id"].startswith("req_")
    assert set(answer.json().get("error", {"message", "type", "param", "code"})) == {"message", "type", "param", "code"}


def test_many_are_answered_at_once_and_all_are_counted() -> None:
    with run_openai(delay=0.2) as server:
        with within(20 * 0.2):
            threads = [threading.Thread(target=ask, args=(server.url, (f"text {number}",))) for number in range(20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert len(server.requests) == sum(server.paid.values()) == 20


def test_it_is_away_and_comes_back_at_the_same_address() -> None:
    with run_openai() as server:
        url = server.url
        with httpx.Client(trust_env=False) as client:
            assert client.post(f"{url}/nothing", json={}, headers={"authorization": f"Bearer {KEY}"}).is_error
            server.stop()
            with pytest.raises(httpx.TransportError):
                client.post(f"{url}/embeddings", json={})
        server.start()
        assert ask(url).status_code == 200
        server.adjust(down=True)
        with pytest.raises(httpx.TransportError):
            ask(url)


def test_a_server_in_a_process_of_its_own_is_told_and_read() -> None:
    with run_openai_process(requests_per_minute=2) as server:
        assert [ask(server.url).status_code for _ in range(3)] == [200, 200, 429]
        ledger = server.read()
        assert (len(ledger.requests), ledger.over_limit, ledger.paid_twice) == (3, 1, {"a gate": 2})
        server.adjust(requests_per_minute=None)
        assert ask(server.url).status_code == 200


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork there")
def test_other_processes_may_ask_a_server_in_threads() -> None:
    server = OpenAIServer()
    try:
        child = os.fork()
        if child == 0:
            os._exit(0 if ask(server.url).status_code == 200 else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert len(server.requests) == 1
    finally:
        server.stop()
