"""The list of the broker stays short, however long the backlog is and however fast its tasks are."""

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import psutil
import pytest
from redis import Redis

from app.adapters.redis.url import redis_client_url
from app.settings import Settings, load_settings
from tests.deadlines import wait_for
from tests.running import Stack
from tests.system.continuing_stack import count, lend, run_api, submit_pings

_SLOTS = 2
_TASKS = 5000


@pytest.fixture
def settings(
    make_database: Callable[[], AbstractContextManager[tuple[str, str]]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    """The settings of a new database."""
    with make_database() as (database_url, redis_url):
        yield load_settings(database_url=database_url, redis_url=redis_url, data_dir=tmp_path_factory.mktemp("data"))


@pytest.fixture
def stack(settings: Settings) -> Iterator[Stack]:
    """An API, and workers that the test starts."""
    for running in run_api(settings):
        yield from lend(running)


def test_a_slot_that_does_not_read_the_broker_does_not_fill_its_list(stack: Stack, settings: Settings) -> None:
    """The ledger sees an idle slot in a frozen process, and the tasks of its messages are taken by another slot."""
    stack.start_workers("high")
    first = submit_pings(stack, 200)
    wait_for(lambda: count(stack, first) == 200 and len(stack.fetch("SELECT DISTINCT pid FROM claims")) > 1, "all")
    frozen = psutil.Process(stack.fetch("SELECT pid FROM claims LIMIT 1")[0]["pid"])
    frozen.send_signal(signal.SIGSTOP)
    lengths = list[int]()
    try:
        with Redis.from_url(redis_client_url(settings.redis_url or "")) as redis:
            agent = submit_pings(stack, _TASKS)

            def has_ended() -> bool:
                lengths.append(int(redis.llen("high_priority")))
                return count(stack, agent) >= _TASKS - 1

            wait_for(has_ended, "the other slot to run all tasks", 60)
    finally:
        frozen.send_signal(signal.SIGCONT)
    wait_for(lambda: count(stack, agent) == _TASKS, "the frozen process to go on")
    assert max(lengths) <= 4 * max(4, _SLOTS)
