from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from tests.ledger.bench import Bench


@pytest.fixture(scope="package")
def _bench(make_database: Callable[[], AbstractContextManager[tuple[str, str]]]) -> Iterator[Bench]:
    with make_database() as (database_url, _):
        bench = Bench(database_url)
        yield bench
        bench.close()


@pytest.fixture
def bench(_bench: Bench) -> Bench:
    """An empty ledger."""
    _bench.clear()
    return _bench
